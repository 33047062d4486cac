//! Writing an import: everything is encrypted before the first file is made, and `meltano.yml` is replaced last.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::unfinished::Unfinished;
use super::{Error, Prepared, Readers};
use crate::ops::secrets::{self, Access};
use crate::ops::{self};
use crate::render::FILE_NAME;
use crate::world::project::{SOPS_RULES, add_lines, replace};

/// What was written.
#[derive(Debug, Default, Serialize)]
pub struct Written {
    /// The files, relative to the project.
    pub files: Vec<PathBuf>,
    /// The file of a new key, where one was made.
    pub key: Option<PathBuf>,
}

/// Writes what was prepared. When a file cannot be written, those that were are taken away again.
///
/// # Errors
/// When secrets cannot be encrypted, `meltano.yml` has changed, or a file cannot be written.
pub async fn carry_out(prepared: &Prepared, access: Access<'_>) -> Result<Written, ops::Error> {
    let root = prepared.project.root();
    let is_same = std::fs::read_to_string(root.join(FILE_NAME))
        .is_ok_and(|text| text.trim_start_matches('\u{feff}') == prepared.original);
    if !is_same {
        return Err(Error::Moved.into());
    }
    let mut written = rules(prepared, access).await?;
    let mut texts = Vec::new();
    for file in &prepared.files {
        let text = if file.secrets.is_empty() {
            file.text.clone()
        } else {
            secrets::sealed(access, (&file.path, &file.text), &file.secrets).await?
        };
        texts.push((file.path.clone(), text));
    }
    let noting = |source| ops::Error::Io { doing: "write", path: ".spile/importing.json".to_owned(), source };
    let mut unfinished = Unfinished::of(&prepared.project);
    unfinished.begin(&texts).map_err(noting)?;
    let made = files(root, &texts)?;
    let ignored = |source| ops::Error::Io { doing: "write", path: ".gitignore".to_owned(), source };
    add_lines(&root.join(".gitignore"), &["/.spile/"]).map_err(ignored)?;
    // Last, so that a project which is half written is still Meltano's.
    write(root, Path::new(FILE_NAME), &prepared.rendered)?;
    unfinished.end().map_err(noting)?;
    written.files.extend(made);
    written.files.push(FILE_NAME.into());
    Ok(written)
}

/// Writes files that are new, all of them or none.
fn files(root: &Path, texts: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, ops::Error> {
    let mut made: Vec<PathBuf> = Vec::new();
    for (path, text) in texts {
        if let Err(error) = write(root, path, text) {
            for path in made {
                // What cannot be taken away again is known to the next import.
                let _ = std::fs::remove_file(root.join(path));
            }
            return Err(error);
        }
        made.push(path.clone());
    }
    Ok(made)
}

fn write(root: &Path, path: &Path, text: &str) -> Result<(), ops::Error> {
    let io = |doing| move |source| ops::Error::Io { doing, path: path.display().to_string(), source };
    let target = root.join(path);
    std::fs::create_dir_all(target.parent().unwrap_or(root)).map_err(io("make the folder of"))?;
    replace(&target, text.as_bytes()).map_err(io("write"))
}

/// Makes the `.sops.yaml` that is missing, and a key where the user has none.
async fn rules(prepared: &Prepared, access: Access<'_>) -> Result<Written, ops::Error> {
    let mut written = Written::default();
    match &prepared.readers {
        Readers::Nobody | Readers::Rules(_) => {}
        Readers::Given(recipients) => {
            let text = secrets::rules_for(recipients);
            write(prepared.project.root(), Path::new(SOPS_RULES), &text)?;
            written.files.push(SOPS_RULES.into());
        }
        Readers::Own => {
            let setup = secrets::setup(access.project, access.keys, false).await?;
            written.files.push(SOPS_RULES.into());
            written.key = setup.key;
        }
    }
    Ok(written)
}
