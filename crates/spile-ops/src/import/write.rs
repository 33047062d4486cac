//! Writes an import: everything is encrypted before the first file is written.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Error, Prepared, Readers};
use crate::edits::{self, Edits};
use crate::secrets::{self, Access};
use crate::{self as ops};
use spile_core::render::FILE_NAME;
use spile_world::files::project::{SOPS_RULES, with_lines};

/// The first line of a file that was merged into the template. It tells users that changes to the file have no effect.
const NOT_READ: &str = "# This file is no longer used: `spile import` merged it into templates/meltano.yml.j2.\n";

/// The result of writing an import.
#[derive(Debug, Default, Serialize)]
pub struct ImportOutcome {
    /// The files, relative to the project.
    pub files: Vec<PathBuf>,
    /// The file of the new key, if one was created.
    pub key: Option<PathBuf>,
}

/// Writes a prepared import, completely or not at all.
///
/// # Errors
/// When secrets cannot be encrypted, `meltano.yml` has changed, or a file cannot be written.
pub async fn carry_out(prepared: &Prepared, access: Access<'_>) -> Result<ImportOutcome, ops::Error> {
    let project = &prepared.project;
    let before = edits::read(project, Path::new(FILE_NAME))?;
    if before.as_deref().map(|text| text.trim_start_matches('\u{feff}')) != Some(&prepared.original) {
        return Err(Error::Moved.into());
    }
    let (rules, key) = rules(prepared, access)?;
    let mut edits = Edits::default();
    let mut with_rules = project.clone();
    if let Some(rules) = rules {
        with_rules = with_rules.with(Path::new(SOPS_RULES), rules.clone());
        edits.set(SOPS_RULES, None, Some(rules));
    }
    let access = Access { project: &with_rules, ..access };
    for file in &prepared.files {
        let text = if file.secrets.is_empty() {
            file.text.clone()
        } else {
            secrets::sealed(access, &file.path, &file.text, &file.secrets).await?
        };
        edits.set(file.path.clone(), None, Some(text));
    }
    edits.set(FILE_NAME, before, Some(prepared.rendered.clone()));
    for path in &prepared.included {
        if let Some(text) = edits::read(project, path)? {
            edits.set(path.clone(), Some(text.clone()), Some(format!("{NOT_READ}{text}")));
        }
    }
    let ignored = edits::read(project, Path::new(".gitignore"))?;
    edits.set(".gitignore", ignored.clone(), Some(with_lines(ignored.unwrap_or_default(), &["/.spile/"])));
    let mut files = edits.write(project)?;
    files.retain(|path| path != Path::new(".gitignore"));
    Ok(ImportOutcome { files, key })
}

/// Returns the `.sops.yaml` to write, if there is none yet. Creates a key if the user has none.
fn rules(prepared: &Prepared, access: Access<'_>) -> Result<(Option<String>, Option<PathBuf>), ops::Error> {
    match &prepared.readers {
        Readers::Nobody | Readers::Rules(_) => Ok((None, None)),
        Readers::Given(recipients) => Ok((Some(secrets::rules_for(recipients)), None)),
        Readers::Own => {
            let (recipients, key) = secrets::own_keys(access.keys)?;
            Ok((Some(secrets::rules_for(&recipients)), key))
        }
    }
}
