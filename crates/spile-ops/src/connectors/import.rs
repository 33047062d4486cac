//! Imports a definition: reads it, checks it like a file of the project, and only then writes it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ConnectorsError, built_in};
use crate::Error;
use crate::edits::{self, Edits};
use spile_core::connector::{Catalog, Head, Lock, Role, read as connector};
use spile_core::definition::{self, Definition, DefinitionHints, MOST_BYTES};
use spile_core::digest::hash;
use spile_core::problem::{Problems, Report};
use spile_core::source::Source;
use spile_world::Project;

/// What happens to a definition that already exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwriting {
    /// It stays, and the import fails.
    Refused,
    /// It is replaced.
    Forced,
}

/// A connector that was written.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// The name that integrations use as `type`.
    pub name: String,
    /// Its role.
    pub kind: Role,
    /// Its file, relative to the project.
    pub path: PathBuf,
    /// How many settings it has.
    pub settings: usize,
    /// How many of them are secrets.
    pub secrets: usize,
    /// How the connector differs from what the definition says.
    pub notes: Vec<String>,
}

/// Converts the bytes of a definition to text.
///
/// # Errors
/// When they are not UTF-8.
pub fn read(from: &str, bytes: Vec<u8>) -> Result<Source, Error> {
    if bytes.len() > MOST_BYTES {
        // The text is refused for its size, so a character that is cut off does not matter.
        return Ok(Source::new(from, String::from_utf8_lossy(&bytes)));
    }
    let text = String::from_utf8(bytes).map_err(|_| ConnectorsError::NotUtf8 { from: from.to_owned() })?;
    Ok(Source::new(from, text.trim_start_matches('\u{feff}')))
}

/// Writes the connector that a definition describes.
///
/// # Errors
/// When the definition is invalid, its connector already exists, or the file cannot be written. In each case, nothing is
/// written.
pub fn import(
    project: &Project,
    source: &Source,
    asked: &DefinitionHints,
    overwriting: Overwriting,
) -> Result<Imported, Error> {
    let PreparedImport { imported, edits } = prepare_import(project, source, asked, overwriting)?;
    edits.write(project)?;
    Ok(imported)
}

/// A connector that can be written.
#[derive(Debug)]
pub struct PreparedImport {
    /// What will be written.
    pub imported: Imported,
    /// Its file.
    pub edits: Edits,
}

/// Returns the file of the connector that a definition describes. Nothing is written.
///
/// # Errors
/// When the definition is invalid, or its connector already exists.
pub fn prepare_import(
    project: &Project,
    source: &Source,
    asked: &DefinitionHints,
    overwriting: Overwriting,
) -> Result<PreparedImport, Error> {
    let mut problems = Problems::default();
    let found = definition::read(source, asked, &mut problems);
    let Some(Definition { mut connector, mut notes }) = found.filter(|_| !problems.any_error()) else {
        return Err(Error::Problems(problems.into_report()));
    };
    if let Some(built_in) = built_in::of(source, &connector.head) {
        connector = built_in;
        notes.clear();
    }
    connector.lock = Some(lock(source, asked));
    let (role, name) = (connector.head.role, connector.head.name.clone());
    let path = path(project, role, &name, overwriting)?;
    if Catalog::is_built_in(role, &name) {
        notes.push(format!("it overrides the built-in {role} `{name}`; use `--name` to keep both"));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = definition::text(&connector, &stem);
    let report = faults(&path, &text);
    if !report.problems().is_empty() {
        return Err(Error::Problems(report));
    }
    let mut edits = Edits::default();
    edits.set(path.clone(), edits::read(project, &path)?, Some(text));
    let secrets = connector.settings.iter().filter(|setting| setting.secret).count();
    let imported = Imported { name, kind: role, path, settings: connector.settings.len(), secrets, notes };
    Ok(PreparedImport { imported, edits })
}

/// Returns the source and the hash of a definition.
pub(super) fn lock(source: &Source, asked: &DefinitionHints) -> Lock {
    let from = asked.from.clone().unwrap_or_else(|| source.path().display().to_string());
    Lock { from, sha256: hash(source.text().as_bytes()) }
}

/// Returns what is wrong with the file that would be written. Warnings are left to `check`.
pub(super) fn faults(path: &Path, text: &str) -> Report {
    let mut problems = Problems::default();
    connector::connector(&Source::new(path, text), &mut problems);
    if problems.any_error() { problems.into_report() } else { Report::default() }
}

/// Returns the file of a connector: the existing one, or a new one with its name. An extractor and a loader may share a
/// name. The second of the two also has its role in its file name.
fn path(project: &Project, role: Role, name: &str, overwriting: Overwriting) -> Result<PathBuf, Error> {
    let mut problems = Problems::default();
    let taken = project.connector_paths(&mut problems);
    for path in taken.iter().filter(|path| Catalog::is_named(path, role, name)) {
        let head = project.connector(path, &mut problems).and_then(|source| Head::read(&source, &mut problems));
        if head.is_some_and(|head| head.role == role && head.name == name) {
            let (name, path) = (name.to_owned(), path.clone());
            return match overwriting {
                Overwriting::Forced => Ok(path),
                Overwriting::Refused => Err(ConnectorsError::Exists { role, name, path }.into()),
            };
        }
    }
    let paths = [format!("connectors/{name}.toml"), format!("connectors/{name}-{role}.toml")].map(PathBuf::from);
    let is_free = |path: &&PathBuf| {
        // Some file systems do not distinguish `A` from `a`.
        let is_same = |known: &PathBuf| known.as_os_str().eq_ignore_ascii_case(path.as_os_str());
        !taken.iter().any(is_same) && !project.root().join(path).exists()
    };
    let free = paths.iter().find(is_free).cloned();
    free.ok_or_else(|| ConnectorsError::InTheWay { path: paths[1].clone() }.into())
}
