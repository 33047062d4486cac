//! Judges a run that has ended: whether it synced what was expected.

use std::path::Path;

use serde_json::Value;

use super::From;
use super::ended::{How, error_line};
use super::job::{Job, SourceFacts};
use crate::Error;
use spile_core::connector::Role;
use spile_core::discovered::{Rules, Stream, can_select};
use spile_core::run::finding::{self, Expectations, Finding};
use spile_core::run::{Cause, Run, RunKind, RunStatus, error_line};
use spile_core::settings::Severity;
use spile_core::value::expansion::has_variable;
use spile_world::processes::meltano::CatalogFacts;

impl Job {
    /// Adjusts the result of an attempt to what is known about the integration.
    pub(super) async fn judged(&self, run: &Run, how: How, found: SourceFacts<'_>) -> How {
        let How { status, error, cause } = how;
        match (status, cause) {
            (RunStatus::Ok, _) => self.weighed(run, found).await,
            // A missing setting is not a crash.
            (_, Some(Cause::Crash)) => {
                let misses = |reason: &String| error_line::misses_a_setting(reason, &self.integration.connector);
                let is_missing = error.as_ref().is_some_and(misses);
                How::new(status, error, if is_missing { Some(Cause::MissingSetting) } else { cause })
            }
            (_, Some(Cause::NothingSelected)) if self.integration.role() == Role::Extractor => {
                let (error, cause) = self.nothing_came(error, found.facts);
                How::new(status, error, Some(cause))
            }
            _ => How::new(status, error, cause),
        }
    }

    /// Judges what a successful run has moved.
    async fn weighed(&self, run: &Run, found: SourceFacts<'_>) -> How {
        let SourceFacts { facts, before: mut findings } = found;
        // Records that were left out on purpose are not missing.
        let is_held = findings.iter().any(|finding| finding.cause == Cause::SchemaChanged);
        findings.extend(finding::of_catalog(facts, &self.loaded.settings.sync));
        match self.of_records(run).await {
            Ok(_) if is_held => {}
            Ok(found) => findings.extend(found),
            Err(error) => {
                let sentence = format!("cannot compare it with earlier runs: {}", error_line(&error));
                findings.push(Finding { severity: Severity::Warn, cause: Cause::Registry, sentence });
            }
        }
        match finding::gravest(&findings) {
            None => How::new(RunStatus::Ok, None, None),
            Some(Finding { severity, cause, sentence }) => {
                let status = if severity == Severity::Fail { RunStatus::Failed } else { RunStatus::Warning };
                How::new(status, Some(sentence), Some(cause))
            }
        }
    }

    /// Compares the records of a sync with those of earlier ones. Nobody knows what is usual for a sync from a moment on, for
    /// a piece of a backfill, or for one of some streams.
    async fn of_records(&self, run: &Run) -> Result<Vec<Finding>, Error> {
        let severity = self.loaded.settings.sync.empty;
        let is_usual =
            !matches!(self.options.from, From::Moment(_) | From::Range { .. }) && self.options.streams.only.is_empty();
        if self.kind != RunKind::Sync || severity == Severity::Ok || !is_usual {
            return Ok(Vec::new());
        }
        let earlier = self.known().await?;
        let rules = Rules::of(&self.integration, self.integration.at(&self.options.environment));
        let is_read = |name: &str| rules.take(&Stream::named(name)).0.is_read();
        let known = Expectations { earlier, is_read: &is_read, likely: &|| self.absent_folder() };
        Ok(finding::of_records(run, &known, severity))
    }

    /// Returns the reason why a source returned no record when it was asked for one.
    fn nothing_came(&self, error: Option<String>, facts: &CatalogFacts) -> (Option<String>, Cause) {
        if let Some(missing) = finding::missing(&facts.missing) {
            return (Some(format!("no records were read: {missing}")), Cause::MissingStream);
        }
        if let Some(absent) = self.absent_folder() {
            return (Some(format!("no records were read: {absent}")), Cause::Empty);
        }
        match facts.selected {
            Some(0) => (Some("`select` matches no stream of the source".to_owned()), Cause::NothingSelected),
            Some(_) => (Some("the selected streams have no records".to_owned()), Cause::Empty),
            // The tap ignores the selection, so the selection is not the cause.
            None if !can_select(&self.integration) => {
                (Some("the source has no records where the settings point".to_owned()), Cause::Empty)
            }
            None => (error, Cause::NothingSelected),
        }
    }

    /// Returns a sentence about a folder or file that the settings name but that does not exist.
    fn absent_folder(&self) -> Option<String> {
        let config = &self.integration.at(&self.options.environment).config;
        let root = self.world.project.root();
        config.iter().filter(|(name, _)| names_files(name)).find_map(|(name, value)| {
            let state = texts(value).into_iter().find_map(|text| Some((text, absence(root, text)?)));
            state.map(|(text, absence)| format!("`{name}` is `{text}`, {absence}"))
        })
    }
}

/// Tells whether a setting names files or folders on this machine.
fn names_files(setting: &str) -> bool {
    let last = setting.rsplit(['.', '_', '-']).next().unwrap_or_default();
    matches!(last, "folder" | "folders" | "directory" | "directories" | "file" | "files")
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// Returns what is wrong with a path, relative to the project. Patterns, addresses and variables are not checked.
fn absence(root: &Path, text: &str) -> Option<&'static str> {
    if text.is_empty() || text.contains("://") || text.contains(['*', '?', '[']) || has_variable(text) {
        return None;
    }
    let path = root.join(text);
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("which does not exist"),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_path_is_distinguished_from_text_that_is_not_a_path() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(absence(root.path(), "dat"), Some("which does not exist"));
        assert_eq!(absence(root.path(), "."), None);
        for other in ["", "s3://bucket/dat", "data/*.csv", "$HOME/dat"] {
            assert_eq!(absence(root.path(), other), None, "{other}");
        }
        assert!(names_files("local.folders") && names_files("key_file"));
        assert!(!names_files("s3.prefix") && !names_files("profile") && !names_files("api_path"));
    }
}
