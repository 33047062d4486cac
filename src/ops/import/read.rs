//! Reading a Meltano project: its file, what that includes, and the definitions that Meltano keeps beside it.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use walkdir::WalkDir;

use super::Error;
use crate::connector::Role;
use crate::import::{self, Locks, PluginKey};
use crate::ops;
use crate::problem::Problems;
use crate::render::FILE_NAME;
use crate::source::Source;

/// Reads `meltano.yml`, if it is not larger than is read.
pub(super) fn meltano_yml(folder: &Path) -> Result<Source, ops::Error> {
    match std::fs::metadata(folder.join(FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Missing { folder: folder.to_owned() }.into());
        }
        _ => {}
    }
    sized(folder, &[FILE_NAME.into()])?;
    text(folder, Path::new(FILE_NAME))
}

/// Reads the files that are included, and returns their paths and the text of all of them together.
pub(super) fn merged(folder: &Path, source: &Source) -> Result<(Vec<PathBuf>, String), ops::Error> {
    let patterns = import::include_paths(source.text()).map_err(|mistake| super::refused(source, mistake))?;
    let mut paths = Vec::new();
    for pattern in patterns {
        for path in matching(folder, &pattern)? {
            if !paths.contains(&path) && path != Path::new(FILE_NAME) {
                paths.push(path);
            }
        }
    }
    sized(folder, &[&[FILE_NAME.into()], paths.as_slice()].concat())?;
    let sources: Vec<Source> = paths.iter().map(|path| text(folder, path)).collect::<Result<_, _>>()?;
    let merged = import::merged(source, &sources).map_err(|(source, mistake)| super::refused(&source, mistake))?;
    Ok((paths, merged))
}

/// Looks at sizes before anything is read.
fn sized(folder: &Path, paths: &[PathBuf]) -> Result<(), ops::Error> {
    let size = |path: &PathBuf| {
        let io = |source| ops::Error::Io { doing: "read", path: path.display().to_string(), source };
        Ok((Source::new(path, ""), std::fs::metadata(folder.join(path)).map_err(io)?.len()))
    };
    let sizes: Vec<_> = paths.iter().map(size).collect::<Result<_, ops::Error>>()?;
    import::fits(&sizes).map_err(|(source, mistake)| super::refused(&source, mistake))
}

fn text(folder: &Path, path: &Path) -> Result<Source, ops::Error> {
    let io = |source| ops::Error::Io { doing: "read", path: path.display().to_string(), source };
    let bytes = std::fs::read(folder.join(path)).map_err(io)?;
    let Ok(text) = String::from_utf8(bytes) else {
        let mut problems = Problems::default();
        problems.push(&Source::new(path, ""), crate::world::project::Mistake::NotUtf8 { span: (0..0).into() });
        return Err(ops::Error::Problems(problems.into_report()));
    };
    Ok(Source::new(path, text.trim_start_matches('\u{feff}')))
}

/// Returns the files that a pattern means, sorted; Meltano takes them as the file system gives them.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, ops::Error> {
    let wrong = |reason: String| ops::Error::from(Error::IncludePath { pattern: pattern.to_owned(), reason });
    let root = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let relative = pattern.trim_start_matches("./");
    if relative.is_empty() || relative.starts_with('/') {
        return Err(wrong("is no pattern within the project".to_owned()));
    }
    let whole = format!("{}/{relative}", glob::Pattern::escape(&root.display().to_string()));
    let found = glob::glob(&whole).map_err(|error| wrong(format!("is no pattern: {}", error.msg)))?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|error| wrong(format!("cannot be followed: {error}")))?;
        let real = path.canonicalize().map_err(|error| wrong(format!("cannot be followed: {error}")))?;
        if !real.starts_with(&root) {
            return Err(wrong("leads out of the project".to_owned()));
        }
        if !real.is_file() {
            return Err(wrong(format!("names `{}`, which is no file", path.display())));
        }
        paths.push(path.strip_prefix(&root).unwrap_or(&path).to_owned());
    }
    paths.sort();
    Ok(paths)
}

/// Reads the lock files of plugins: what the hub said of them. They add to what is known; without them it is less.
pub(super) fn locks(folder: &Path) -> Locks {
    let mut locks = Locks::new();
    for role in [Role::Extractor, Role::Loader] {
        let walk = WalkDir::new(folder.join("plugins").join(role.plural())).max_depth(1).sort_by_file_name();
        for file in walk.into_iter().flatten().filter(|file| file.path().extension().is_some_and(|end| end == "lock")) {
            let text = std::fs::read(file.path()).unwrap_or_default();
            let Ok(lock) = serde_json::from_slice::<Value>(&text) else { continue };
            if let Some(name) = lock["name"].as_str() {
                locks.entry(PluginKey { role, name: name.to_owned() }).or_insert(lock);
            }
        }
    }
    locks
}
