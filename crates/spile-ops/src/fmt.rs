//! `fmt`: formats files.

use std::path::PathBuf;

use super::Error;
use super::edits::Edits;
use spile_core::connector::{Catalog, Connector, Role};
use spile_core::format;
use spile_core::integration::draft;
use spile_core::problem::{Problems, Report};
use spile_core::source::Source;
use spile_world::Project;

/// A file that is not formatted.
#[derive(Debug, Clone)]
pub struct Unformed {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Its content.
    pub before: String,
    /// Its formatted content.
    pub text: String,
}

/// Finds the files that are not formatted. Files that are not valid TOML are reported, and all others are still checked.
#[must_use]
pub fn unformed(project: &Project) -> (Vec<Unformed>, Report) {
    let mut problems = Problems::default();
    let connectors = project.connectors(&mut problems);
    let integrations = project.integrations(&mut problems).declared;
    let settings = project.settings(&mut problems);
    let catalog = Catalog::new(&connectors, &mut Problems::default());
    let mut found = Vec::new();
    let mut look = |source: &Source, formed: Result<String, toml_edit::TomlError>| {
        // Files with Windows line endings stay as they are, because line endings inside values matter.
        if source.text().contains('\r') {
            return;
        }
        if let Some(text) = formed.ok().filter(|text| text != source.text()) {
            found.push(Unformed { path: source.path().to_owned(), before: source.text().to_owned(), text });
        }
    };
    for (name, source) in &integrations {
        let Some(draft) = draft::read(source, name.clone(), &mut Problems::default()) else {
            // Reports why.
            spile_core::table::parse(source, &mut problems, |_, _| Some(()));
            continue;
        };
        let base = integrations.iter().find(|(of, _)| of.slug == name.slug && of.environment.is_none());
        let base = base.and_then(|(name, source)| draft::read(source, name.clone(), &mut Problems::default()));
        let connector = connector(&catalog, base.as_ref().unwrap_or(&draft));
        look(source, format::integration(source.text(), connector.as_deref()));
    }
    for source in connectors.iter().chain(&settings) {
        spile_core::table::parse(source, &mut problems, |_, _| Some(()));
        look(source, format::other(source.text()));
    }
    found.sort_by(|a: &Unformed, b| a.path.cmp(&b.path));
    (found, problems.into_report())
}

fn connector(catalog: &Catalog, draft: &draft::Draft) -> Option<std::sync::Arc<Connector>> {
    let role = draft.role.as_ref().map_or(Role::Extractor, |role| role.value);
    catalog.find(role, draft.connector.as_ref()?)
}

/// Writes the formatted content of all files, or of none.
///
/// # Errors
/// When a file cannot be written, or someone has changed it in the meantime.
pub fn write(project: &Project, files: &[Unformed]) -> Result<(), Error> {
    let mut edits = Edits::default();
    for Unformed { path, before, text } in files {
        edits.set(path, Some(before.clone()), Some(text.clone()));
    }
    edits.write(project).map(drop)
}
