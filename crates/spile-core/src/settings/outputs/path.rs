//! The paths that an output can have: inside the project, away from the files of spile and others.

use std::path::{Component, Path, PathBuf};

use super::OutputMistake;
use crate::problem::Problems;
use crate::source::Placed;

/// Folders that spile reads or writes, or whose files belong to other programs.
const FOLDERS: [&str; 6] = ["integrations", "connectors", "templates", ".spile", ".meltano", ".git"];

/// Files of a project that cannot be outputs.
const FILES: [&str; 3] = ["spile.toml", "meltano.yml", ".sops.yaml"];

pub(super) fn checked(written: Placed<String>, problems: &mut Problems) -> Option<Placed<PathBuf>> {
    match path(&written) {
        Ok(path) => Some(written.map(|_| path)),
        Err(why) => {
            let span = written.place.span.clone().into();
            problems.push(&written.place.source, OutputMistake::Path { path: written.value.clone(), why, span });
            None
        }
    }
}

/// Returns the path in its shortest form, or why an output cannot have it.
fn path(text: &str) -> Result<PathBuf, String> {
    let mut path = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("it leads out of the project".to_owned()),
            Component::RootDir | Component::Prefix(_) => return Err("it is not relative to the project".to_owned()),
        }
    }
    if path.as_os_str().is_empty() || text.ends_with('/') {
        return Err("it has no file name".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    // Some file systems ignore case.
    let is = |part: &Path, name: &&str| part.as_os_str().eq_ignore_ascii_case(name);
    let top = path.components().next().map(|part| PathBuf::from(part.as_os_str())).unwrap_or_default();
    if let Some(folder) = FOLDERS.iter().find(|name| is(&top, name)) {
        return Err(format!("`{folder}` cannot contain outputs"));
    }
    FILES
        .iter()
        .find(|name| is(&path, name))
        .map_or(Ok(path.clone()), |name| Err(format!("`{name}` cannot be an output")))
}
