//! `init`: creates a project that works at once, with an example that needs no account.

use std::path::Path;

use super::Error;
use super::edits::{self, Edits};
use spile_world::Project;
use spile_world::files::io_error::IoError;
use spile_world::files::project::{SETTINGS, recover, with_lines};

/// The files of a new project, by path. `{project}` stands for its name.
const FILES: [(&str, &str); 6] = [
    (SETTINGS, include_str!("init/spile.toml")),
    (super::schema::TAPLO, include_str!("init/taplo.toml")),
    ("integrations/example.toml", include_str!("init/example.toml")),
    ("integrations/files.toml", include_str!("init/files.toml")),
    ("data/fruit.singer.jsonl", include_str!("init/fruit.singer.jsonl")),
    (".dockerignore", include_str!("init/dockerignore")),
];

/// The paths that git must ignore.
const IGNORED: [&str; 3] = ["/.spile/", "/.meltano/", "/output/"];

/// Creates a project, completely or not at all, and returns the paths of its new files. Existing files stay as they are.
///
/// # Errors
/// When a project already exists, or the folder is not writable.
pub fn init(folder: &Path, name: Option<&str>) -> Result<Vec<String>, Error> {
    let project = Project::at(folder);
    let io = |doing| IoError::of(doing, folder);
    std::fs::create_dir_all(folder).map_err(io("make"))?;
    recover(folder).map_err(io("put back the files of"))?;
    if folder.join(SETTINGS).exists() {
        return Err(Error::Exists { file: SETTINGS.to_owned() });
    }
    let stem = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let stem = stem.file_name().map(|stem| stem.to_string_lossy().into_owned());
    let name = name.map(ToOwned::to_owned).or(stem).unwrap_or_else(|| "project".to_owned());
    let name = serde_json::json!(name).to_string();
    let mut edits = Edits::default();
    for (path, text) in FILES.iter().filter(|(path, _)| !folder.join(path).exists()) {
        edits.set(*path, None, Some(text.replace("{project}", &name)));
    }
    let ignored = edits::read(&project, Path::new(".gitignore"))?;
    edits.set(".gitignore", ignored.clone(), Some(with_lines(ignored.unwrap_or_default(), &IGNORED)));
    Ok(edits.write(&project)?.into_iter().map(|path| path.display().to_string()).collect())
}
