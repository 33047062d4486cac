//! The creation rule for a file, which lists the recipients of new secrets.

use std::path::{Path, PathBuf};

use super::Error;
use spile_core::sops::{Rule, Rules};
use spile_world::Project;

/// The place of a rule, and the file that it matches.
pub(super) struct At {
    /// The `.sops.yaml`.
    pub(super) config: PathBuf,
    /// The absolute path of the file.
    pub(super) file: PathBuf,
}

/// Tells whether only the official sops can encrypt for these recipients.
pub(super) fn needs_program(rule: &Rule) -> bool {
    rule.has_groups || !rule.foreign.is_empty() || rule.age.iter().any(|recipient| is_post_quantum(recipient))
}

/// Tells whether a recipient is of a kind that age's Rust library does not support yet.
pub(super) fn is_post_quantum(recipient: &str) -> bool {
    recipient.starts_with("age1pq1")
}

/// Returns the creation rule for a file of the project, from the nearest `.sops.yaml` upwards.
pub(super) fn rule(project: &Project, path: &Path) -> Result<(Rule, At), Error> {
    let root = project.root().canonicalize().unwrap_or_else(|_| project.root().to_owned());
    let file = root.join(path);
    let found = project.sops_rules(path).map_err(|source| Error::RulesUnreadable { path: path.to_owned(), source })?;
    let Some((config, text)) = found else { return Err(Error::NoRules { path: path.to_owned() }) };
    let rules = Rules::read(&text).map_err(|source| Error::Rules { path: config.clone(), source })?;
    let relative = file.strip_prefix(config.parent().unwrap_or(project.root())).unwrap_or(&file);
    let rule = rules.for_path(&relative.display().to_string()).cloned();
    let rule = rule.ok_or_else(|| Error::NoRule { path: path.to_owned(), rules: config.clone() })?;
    Ok((rule, At { config, file }))
}
