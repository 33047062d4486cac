//! `schema`: prints JSON Schemas of the project's files, or writes them where editors find them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Error;
use spile_core::connector::Catalog;
use spile_core::problem::Problems;
use spile_core::schema::{self, Subject};
use spile_world::Project;
use spile_world::files::door::Shut;
use spile_world::files::door::{replace, replace_named};
use spile_world::files::io_error::IoError;
use spile_world::files::project::OWN_FOLDER;

/// The configuration that tells taplo which schema belongs to which file.
pub const TAPLO: &str = ".taplo.toml";

/// The default folder of schemas, relative to the project.
pub const FOLDER: &str = ".spile/schemas";

/// Returns the schema of a kind of file, including the project's own connectors if there is a project.
///
/// # Errors
/// When a connector of the project is invalid.
pub fn schema(project: Option<&Project>, subject: Subject) -> Result<Value, Error> {
    Ok(schema::of(subject, &catalog(project)?))
}

/// Writes the schemas to a folder, relative to the project, and `.taplo.toml` if it does not exist. Returns the paths of
/// the written files.
///
/// # Errors
/// See [`schema`]. Also when a file cannot be written.
pub fn write(project: &Project, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let catalog = catalog(Some(project))?;
    let mut written = Vec::new();
    for subject in Subject::ALL {
        let name = format!("{}.json", subject.word());
        let text = format!("{:#}\n", schema::of(subject, &catalog));
        let path = folder.join(&name);
        if let Ok(below) = folder.strip_prefix(OWN_FOLDER) {
            put_own(project, &below.join(&name), &text)?;
        } else {
            make(&project.root().join(folder))?;
            // The user chose the folder, but not a link in it.
            replace(&project.root().join(&path), text.as_bytes()).map_err(IoError::of("write", &path))?;
        }
        written.push(path);
    }
    let taplo = Path::new(TAPLO);
    let failed = |why| Error::of_file("write", taplo, why);
    let door = project.door().map_err(failed)?;
    if matches!(door.open(taplo), Err(Shut::Missing)) {
        door.create(taplo, taplo_rules(folder).as_bytes()).map_err(failed)?;
        written.push(PathBuf::from(TAPLO));
    }
    Ok(written)
}

/// Writes one schema to a file that the user named.
///
/// # Errors
/// When the file cannot be written.
pub fn put(path: &Path, text: &str) -> Result<(), Error> {
    replace_named(path, text.as_bytes()).map_err(|source| Error::of_written(path, source))
}

/// Writes one schema to spile's own folder.
fn put_own(project: &Project, file: &Path, text: &str) -> Result<(), Error> {
    let path = Path::new(OWN_FOLDER).join(file);
    let written = project.own().make().and_then(|own| own.replace(file, text.as_bytes()));
    Ok(written.map_err(IoError::of("write", path))?)
}

fn make(folder: &Path) -> Result<(), Error> {
    Ok(std::fs::create_dir_all(folder).map_err(IoError::of("make", folder))?)
}

fn catalog(project: Option<&Project>) -> Result<Catalog, Error> {
    let mut problems = Problems::default();
    let own = project.map(|project| project.connectors(&mut problems)).unwrap_or_default();
    let catalog = Catalog::new(&own, &mut problems);
    if problems.any_error() { Err(Error::Problems(problems.into_report())) } else { Ok(catalog) }
}

/// Returns the rules for taplo. If two rules match a file, taplo uses only one of them, so these do not overlap.
#[must_use]
pub fn taplo_rules(folder: &Path) -> String {
    let rules = [
        (Subject::Project, "include = [\"spile.toml\"]"),
        (Subject::Integration, "include = [\"integrations/**/*.toml\"]\nexclude = [\"integrations/**/*.*.toml\"]"),
        (Subject::Overlay, "include = [\"integrations/**/*.*.toml\"]"),
        (Subject::Connector, "include = [\"connectors/**/*.toml\"]"),
    ];
    let head =
        "# The schema of each file, for taplo and Even Better TOML. `spile schema --write` writes the schemas.\n";
    let rule = |(subject, files): &(Subject, &str)| {
        let path = folder.join(format!("{}.json", subject.word())).display().to_string();
        let path = Value::String(path);
        format!("\n[[rule]]\n{files}\n\n[rule.schema]\nenabled = true\npath = {path}\n")
    };
    std::iter::once(head.to_owned()).chain(rules.iter().map(rule)).collect()
}
