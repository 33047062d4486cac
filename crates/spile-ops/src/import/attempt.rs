//! An attempt: the new files are checked as a project, rendered, and compared with the original, all in memory.

use crate::check::{ConnectorFiles, Files, Loaded, checked};
use crate::{Error as OpsError, secrets};
use spile_core::import::{self, Adopted, Import, LeftAlone, NewFile, PluginKey, Why};
use spile_core::problem::{Problem, Problems};
use spile_core::render::TEMPLATE_FILE;
use spile_core::sops::{DataKey, Document, Wrapped};
use spile_core::source::Source;
use spile_world::Project;
use spile_world::files::project::SETTINGS;

/// The reason why an attempt failed.
pub(super) enum FailedAttempt {
    /// Some plugins have to stay as they are, and are named in `left`.
    Again,
    /// The files are invalid.
    Refused(Box<OpsError>),
    /// The result would mean something else to Meltano.
    Differs(String),
}

/// Checks the new files as a project, renders them, and compares the result with the original.
pub(super) fn attempt(
    project: &Project,
    import: &Import,
    files: &[NewFile],
    left: &mut LeftAlone,
) -> Result<Loaded, FailedAttempt> {
    let loaded = match loaded(project, files) {
        Ok(loaded) => loaded,
        Err(error) => {
            let OpsError::Problems(report) = &error else { return Err(FailedAttempt::Refused(Box::new(error))) };
            let found: Vec<_> = report.problems().iter().filter_map(|problem| blamed(problem, import)).collect();
            if found.is_empty() {
                return Err(FailedAttempt::Refused(Box::new(error)));
            }
            left.extend(found);
            return Err(FailedAttempt::Again);
        }
    };
    match import::compare(&import.struck, &loaded.rendered, &import.adopted) {
        Ok(()) => Ok(loaded),
        Err(import::Difference { plugin: Some(key), path }) => {
            let at = import.adopted.iter().find(|one| one.key == key).map_or(0, |one| one.at);
            let what = format!("`{}` would change", import.copies.struck(&path));
            left.insert(key, Why { what, at });
            Err(FailedAttempt::Again)
        }
        Err(import::Difference { plugin: None, path }) => Err(FailedAttempt::Differs(path)),
    }
}

/// Checks the project as it would be. The secrets are encrypted for no recipient, because only their presence is checked.
fn loaded(project: &Project, files: &[NewFile]) -> Result<Loaded, OpsError> {
    let mut problems = Problems::default();
    let mut all = Files { template: None, ..Files::default() };
    if project.root().join(SETTINGS).exists() {
        all.settings = project.settings(&mut problems);
    }
    let mut connectors = project.connectors(&mut problems);
    all.output_templates = project.output_templates(&mut problems);
    all.integrations = project.integrations(&mut problems);
    for file in files {
        let text = for_nobody(file)?;
        let source = Source::new(&file.path, text);
        match (&file.name, file.path.to_str()) {
            (Some(name), _) => all.integrations.declared.push((name.clone(), source)),
            (None, Some(SETTINGS)) => all.settings = Some(source),
            (None, Some(TEMPLATE_FILE)) => all.template = Some(source),
            (None, _) => connectors.push(source),
        }
    }
    all.connectors = ConnectorFiles::Read(connectors);
    checked(all, problems)
}

fn for_nobody(file: &NewFile) -> Result<String, OpsError> {
    if file.secrets.is_empty() {
        return Ok(file.text.clone());
    }
    let nobody = Wrapped { recipient: "nobody".to_owned(), enc: "nothing".to_owned() };
    let (key, mut document) = (DataKey::generate(), Document::profile(&[nobody]));
    for (name, secret) in &file.secrets {
        document.set(name, secret, &key);
    }
    let fault = |fault| secrets::Error::fault(&file.path, fault);
    document.seal(&key, jiff::Timestamp::UNIX_EPOCH).map_err(fault)?;
    let merge = |error: toml_edit::TomlError| secrets::Error::Merge {
        path: file.path.clone(),
        message: error.message().to_owned(),
    };
    Ok(spile_core::sops::rewrite(&file.text, &document).map_err(merge)?)
}

/// Returns the plugin that a problem belongs to: the problem is in its file, or the template loses it.
fn blamed(problem: &Problem, import: &Import) -> Option<(PluginKey, Why)> {
    let path = problem.source.path();
    let is_of = |one: &&Adopted| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_file = path.starts_with("integrations") && stem.split('.').next() == Some(one.slug.as_str());
        let is_lost = problem.code() == "spile::template::unfaithful"
            && problem.message().names().any(|name| name == one.slug.as_str());
        is_file || is_lost
    };
    let one = import.adopted.iter().find(is_of)?;
    Some((one.key.clone(), Why { what: problem.message().to_string(), at: one.at }))
}
