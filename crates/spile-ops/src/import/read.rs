//! Reads a Meltano project: its file, the included files, and the plugin definitions that Meltano stores next to it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Error;
use crate as ops;
use spile_core::connector::Role;
use spile_core::import::{self, Locks, PluginKey};
use spile_core::render::FILE_NAME;
use spile_core::source::Source;
use spile_world::files::door::{Door, Shut};

mod pattern;

/// Opens the door to a project to import.
pub(super) fn door(folder: &Path) -> Result<Door, ops::Error> {
    Door::to_project(folder).map_err(|why| ops::Error::of_file("open", folder, why))
}

/// Reads `meltano.yml`, if it is not too large.
pub(super) fn meltano_yml(folder: &Path) -> Result<Source, ops::Error> {
    let door = match door(folder) {
        Ok(door) if !matches!(door.open(Path::new(FILE_NAME)), Err(Shut::Missing)) => door,
        Ok(_) => return Err(Error::Missing { folder: folder.to_owned() }.into()),
        Err(error) => return Err(error),
    };
    sized(&door, &[FILE_NAME.into()])?;
    text(&door, Path::new(FILE_NAME))
}

/// Reads the included files. Returns their paths, and the text of all files merged.
pub(super) fn merged(folder: &Path, source: &Source) -> Result<(Vec<PathBuf>, String), ops::Error> {
    let patterns = import::include_paths(source.text()).map_err(|mistake| super::refused(source, mistake))?;
    let door = door(folder)?;
    let mut paths = Vec::new();
    for pattern in patterns {
        for path in matching(&door, &pattern)? {
            if !paths.contains(&path) && path != Path::new(FILE_NAME) {
                paths.push(path);
            }
        }
    }
    sized(&door, &[&[FILE_NAME.into()], paths.as_slice()].concat())?;
    let sources: Vec<Source> = paths.iter().map(|path| text(&door, path)).collect::<Result<_, _>>()?;
    let merged = import::merged(source, &sources).map_err(|(source, mistake)| super::refused(&source, mistake))?;
    Ok((paths, merged))
}

/// Checks the sizes before anything is read.
fn sized(door: &Door, paths: &[PathBuf]) -> Result<(), ops::Error> {
    let size = |path: &PathBuf| {
        let size = door.size(path).map_err(|why| ops::Error::of_file("read", path, why))?;
        Ok((Source::new(path, ""), size))
    };
    let sizes: Vec<_> = paths.iter().map(size).collect::<Result<_, ops::Error>>()?;
    import::fits(&sizes).map_err(|(source, mistake)| super::refused(&source, mistake))
}

fn text(door: &Door, path: &Path) -> Result<Source, ops::Error> {
    let text = door.text(path).map_err(|why| ops::Error::of_file("read", path, why))?;
    Ok(Source::new(path, text.trim_start_matches('\u{feff}')))
}

/// Returns the files that a pattern matches, sorted. Meltano uses the order of the file system.
fn matching(door: &Door, pattern: &str) -> Result<Vec<PathBuf>, ops::Error> {
    let wrong = |reason: String| ops::Error::from(Error::IncludePath { pattern: pattern.to_owned(), reason });
    let relative = pattern.trim_start_matches("./");
    if relative.is_empty() || relative.starts_with('/') {
        return Err(wrong("is not a relative path inside the project".to_owned()));
    }
    glob::Pattern::new(relative).map_err(|error| wrong(format!("is not a valid pattern: {}", error.msg)))?;
    let found = pattern::matching(door, relative).map_err(|pattern::RefusedPath { path, why }| {
        wrong(match why {
            Shut::Outside => format!("leads out of the project: `{}`", path.display()),
            Shut::NotRegular => format!("matches `{}`, which is not a file", path.display()),
            why => format!("cannot be resolved: `{}`: {why}", path.display()),
        })
    })?;
    Ok(found)
}

/// Reads the lock files of plugins, which contain the hub's definitions. They are optional: without them, less is known
/// about the plugins.
pub(super) fn locks(folder: &Path) -> Locks {
    let mut locks = Locks::new();
    let Ok(door) = door(folder) else { return locks };
    for role in [Role::Extractor, Role::Loader] {
        let plugins = Path::new("plugins").join(role.plural());
        let names = door.entries(&plugins).unwrap_or_default().into_iter().map(|entry| plugins.join(entry.name));
        for path in names.filter(|path| path.extension().is_some_and(|end| end == "lock")) {
            let text = door.read(&path).unwrap_or_default();
            let Ok(lock) = serde_json::from_slice::<Value>(&text) else { continue };
            if let Some(name) = lock["name"].as_str() {
                locks.entry(PluginKey { role, name: name.to_owned() }).or_insert(lock);
            }
        }
    }
    locks
}
