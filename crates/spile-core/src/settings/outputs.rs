//! `[[outputs]]`: files that apply renders in addition to `meltano.yml`, as written.

mod builtin;
mod path;
mod unit;
mod workflow;

use std::path::{Path, PathBuf};

use miette::{Diagnostic, SourceSpan};
use serde_json::{Map, Value};

use super::{EnvironmentName, SettingsMistake};
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::Placed;
use crate::table::Table;

pub use builtin::Builtin;
use builtin::BuiltinValues;

/// Mistakes in a well-formed `[[outputs]]`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OutputMistake {
    /// A path that an output cannot have.
    #[error("`{path}` cannot be an output: {why}")]
    #[diagnostic(
        code(spile::output::path),
        help("use the path of a file inside the project, for example `dags/spile.py`")
    )]
    Path {
        /// What was written.
        path: String,
        /// The reason.
        why: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// Two outputs that cannot both exist.
    #[error("`{path}` conflicts with another output")]
    #[diagnostic(code(spile::output::path_taken), help("use a different path for each output"))]
    PathTaken {
        /// The path of the later output.
        path: String,
        /// Where the later output is.
        #[label("conflicts")]
        span: SourceSpan,
        /// Where the earlier output is.
        #[label("the other one")]
        first: SourceSpan,
    },
}

/// A file that apply renders.
#[derive(Debug, Clone)]
pub struct OutputSettings {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// The name of a built-in template, or the path of one in the project.
    pub template: Placed<String>,
    /// The environment whose schedules it contains.
    pub environment: EnvironmentName,
    /// The template's inputs in addition to the integrations.
    pub values: Map<String, Value>,
    /// The only loader whose integrations it contains, if it names one.
    pub loader: Option<Placed<String>>,
}

/// An entry of `[[outputs]]` as written.
pub(super) struct OutputEntry {
    path: Option<Placed<PathBuf>>,
    template: Option<Placed<String>>,
    environment: Option<Placed<EnvironmentName>>,
    values: BuiltinValues,
}

impl OutputEntry {
    /// Reads all entries, and reports their mistakes and conflicting paths.
    pub(super) fn read(tables: Vec<Table<'_>>, problems: &mut Problems) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for table in tables {
            let one = Self::one(table, problems);
            let taken =
                one.path.as_ref().and_then(|path| Some((path, all.iter().find_map(|other| other.blocks(path))?)));
            if let Some((path, first)) = taken {
                let (name, span) = (path.display().to_string(), path.place.span.clone().into());
                let first = first.place.span.clone().into();
                problems.push(&path.place.source, OutputMistake::PathTaken { path: name, first, span });
            }
            all.push(one);
        }
        all
    }

    fn one(table: Table<'_>, problems: &mut Problems) -> Self {
        let path = table.required_text("path", "\"dags/spile.py\"", problems);
        let template = table.required_text("template", "\"airflow\"", problems);
        let environment = table.parsed("environment", problems);
        let builtin = template.as_ref().and_then(|name| Builtin::find(name));
        let values = match (builtin, table.table("values", problems)) {
            (Some(builtin), Some(values)) => builtin.values(values, problems),
            (None, Some(values)) => {
                let all = values.nodes(problems).into_iter().map(|(key, node)| (key, node.value())).collect();
                BuiltinValues { all, loader: None }
            }
            (Some(Builtin::Kubernetes), None) => {
                let example = "{ image = \"ghcr.io/acme/spile:1\" }";
                drop(table.required_table("values", example, problems));
                BuiltinValues::default()
            }
            (
                Some(Builtin::Airflow | Builtin::Dagster | Builtin::Dbt | Builtin::Github | Builtin::Systemd) | None,
                None,
            ) => BuiltinValues::default(),
        };
        table.finish(problems);
        Self { path: path.and_then(|path| path::checked(path, problems)), template, environment, values }
    }

    /// Returns its own path if it conflicts with `path`.
    fn blocks(&self, path: &Path) -> Option<&Placed<PathBuf>> {
        self.path.as_ref().filter(|own| own.starts_with(path) || path.starts_with(&own.value))
    }

    /// Returns the output with its environment resolved.
    pub(super) fn checked(
        self,
        default: &EnvironmentName,
        declared: &[&EnvironmentName],
        problems: &mut Problems,
    ) -> Option<OutputSettings> {
        let undeclared = self.environment.as_ref().filter(|one| !declared.contains(&&one.value));
        if let Some(Placed { value: name, place }) = undeclared {
            let names = || declared.iter().map(|name| name.as_str());
            let declare = || format!("declare it as `[environments.{name}]`, or use one of {}", listed(names()));
            let help = did_you_mean(name.as_str(), names()).unwrap_or_else(declare);
            let span = place.span.clone().into();
            problems.push(&place.source, SettingsMistake::Environment { name: name.clone(), span, help });
        }
        let environment = self.environment.map_or_else(|| default.clone(), |one| one.value);
        let BuiltinValues { all: values, loader } = self.values;
        Some(OutputSettings { path: self.path?.value, template: self.template?, environment, values, loader })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{ProjectSettings, read};
    use crate::source::Source;

    fn parsed(outputs: &str) -> (Option<ProjectSettings>, Vec<String>) {
        let mut problems = Problems::default();
        let text = format!("[project]\nname = 'acme'\n[environments.dev]\n[environments.prod]\n{outputs}");
        let settings = read(&Source::new("spile.toml", text), &mut problems);
        let report = problems.into_report();
        (settings, report.problems().iter().map(|problem| format!("{problem:?}")).collect())
    }

    #[test]
    fn an_output_has_the_default_environment_unless_it_sets_one() {
        let text = "[[outputs]]\ntemplate = 'airflow'\npath = './dags//spile.py'\n\
                    [[outputs]]\ntemplate = 'templates/x.j2'\npath = '.github/x.yml'\nenvironment = 'prod'\nvalues = { a = [1] }\n";
        let (settings, problems) = parsed(text);
        assert_eq!(problems, Vec::<String>::new());
        let found: Vec<_> = settings.unwrap().outputs;
        let paths: Vec<_> = found.iter().map(|one| (one.path.to_str().unwrap(), one.environment.as_str())).collect();
        assert_eq!(paths, [("dags/spile.py", "dev"), (".github/x.yml", "prod")]);
        assert_eq!(Value::Object(found[1].values.clone()), serde_json::json!({"a": [1]}));
    }

    #[test]
    fn paths_that_no_output_can_have_are_rejected() {
        let bad = [
            "/etc/x",
            "../x",
            "a/../../x",
            "",
            ".",
            "dags/",
            "meltano.yml",
            "./Meltano.yml",
            "spile.toml",
            "integrations/x",
            ".spile/x",
            ".git/hooks/x",
            "a\\u000ab",
            "templates/x.j2",
            ".sops.yaml",
        ];
        for path in bad {
            let found = parsed(&format!("[[outputs]]\ntemplate = 'airflow'\npath = \"{path}\"\n")).1;
            assert!(found.len() == 1 && found[0].ends_with("[spile::output::path]"), "{path}: {found:?}");
        }
    }

    #[test]
    fn every_mistake_is_reported() {
        let text = "[[outputs]]\ntemplate = 'airflow'\npath = 'a/b'\nvalues = { pool = true, retries = -1 }\n\
                    [[outputs]]\ntemplate = 'kubernetes'\npath = 'a/./b'\nenvironment = 'prd'\n\
                    [[outputs]]\ntemplate = 'kubernetes'\npath = 'a'\nvalues = { image = 1 }\n[[outputs]]\npat = 'c'\n";
        assert_eq!(
            parsed(text).1,
            [
                "spile.toml:8: unknown key `pool` [spile::toml::unknown_key]",
                "spile.toml:8: `retries` is -1, not a whole number from 0 to 100 [spile::toml::wrong_kind]",
                "spile.toml:9: `values` is missing [spile::toml::missing_key]",
                "spile.toml:11: `a/b` conflicts with another output [spile::output::path_taken]",
                "spile.toml:12: the environment `prd` is not declared [spile::project::environment]",
                "spile.toml:15: `a` conflicts with another output [spile::output::path_taken]",
                "spile.toml:16: `image` is an integer, not a string [spile::toml::wrong_kind]",
                "spile.toml:17: `path` is missing [spile::toml::missing_key]",
                "spile.toml:17: `template` is missing [spile::toml::missing_key]",
                "spile.toml:18: unknown key `pat` [spile::toml::unknown_key]",
            ]
        );
    }
}
