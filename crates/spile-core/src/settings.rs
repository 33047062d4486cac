//! The contents of `spile.toml`: the project's name, environments, registry, outputs, and guards.

mod agreement;
mod allowed;
mod host;
mod lint;
mod meltano;
mod notify;
mod outputs;
mod registry;
mod run_environment;
mod sync;
mod variable_name;
mod variables;

use std::collections::BTreeMap;

use miette::{Diagnostic, SourceSpan};

use crate::name::EnvironmentName;
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::{Placed, Source};
use crate::table::{self, Table};
use registry::RegistryTable;

pub use agreement::{Agreement, Sent, TRUST_OPTION, TRUST_VARIABLE};
pub use allowed::{ALLOW, AllowMistake, Allowed, words};
pub use host::{Host, MailServer, NotAHost, NotAMailServer, NotAWebAddress, TrustedHost, WebAddress, secure};
pub use lint::{LINTS, Lint};
pub use meltano::{MELTANO_VERSION, Meltano, StateBackend};
pub use notify::{AlertKind, Channel, Email, NotifyMistake, Sender};
pub use outputs::{Builtin, OutputMistake, OutputSettings};
pub use registry::{Home, NotATableName, Registry, RegistryMistake, Resolved, Supabase, TableName};
pub use run_environment::{RunEnvironment, RunMistake};
pub use sync::{CatalogAge, Severity, Sync, Verify};
pub use variable_name::{NotAName, VariableName};
pub use variables::{Mixed, NoValue, TextOrVariable, Variables};

/// What can be wrong with `spile.toml` beyond its form.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SettingsMistake {
    /// A project name that cannot identify rows.
    #[error("the project's name is empty")]
    #[diagnostic(code(spile::project::name), help("name the project, for example `name = \"acme-analytics\"`"))]
    Name {
        /// The name.
        #[label("here")]
        span: SourceSpan,
    },
    /// An address that no browser opens.
    #[error("`{url}` is not a web address")]
    #[diagnostic(
        code(spile::project::url),
        help("use the address of `spile serve`, for example `url = \"https://spile.example.com\"`")
    )]
    Url {
        /// What was written.
        url: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// The default environment is declared nowhere.
    #[error("the environment `{name}` is not declared")]
    #[diagnostic(code(spile::project::environment))]
    Environment {
        /// The environment.
        name: EnvironmentName,
        /// Where it is named.
        #[label("not declared")]
        span: SourceSpan,
        /// The nearest declared one, or all.
        #[help]
        help: String,
    },
    /// A name that no extra of a Python package has.
    #[error("`{extra}` is not a valid extra of Meltano")]
    #[diagnostic(
        code(spile::project::meltano_extra),
        help("use one that `pip install meltano[NAME]` accepts, for example `s3`, `gcs`, or `azure`")
    )]
    MeltanoExtra {
        /// What was written.
        extra: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A Meltano version that is not a version.
    #[error("`{version}` is not an exact version of Meltano")]
    #[diagnostic(
        code(spile::project::meltano_version),
        help("pin an exact version, for example `version = \"{MELTANO_VERSION}\"`")
    )]
    MeltanoVersion {
        /// What was written.
        version: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
}

/// The settings of a project.
#[derive(Debug, Clone)]
pub struct ProjectSettings {
    /// The project's name: the owner of its rows in a registry.
    pub name: String,
    /// Where people find its pages, for links.
    pub url: Option<String>,
    /// The environment that commands use without `--env`.
    pub default_environment: EnvironmentName,
    /// The declared environments; the default one is always among them.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// Where rows are kept, where an environment says nothing else.
    pub registry: Registry,
    /// The pinned Meltano.
    pub meltano: Meltano,
    /// How much a plan may change before it has to be acknowledged.
    pub guard: Guard,
    /// Which lints are wanted.
    pub lint: Lint,
    /// How runs are carried out.
    pub sync: Sync,
    /// Which variables of the environment runs get.
    pub run: RunEnvironment,
    /// The notification channels.
    pub notify: Vec<Channel>,
    /// What is rendered beside `meltano.yml`.
    pub outputs: Vec<OutputSettings>,
}

/// An environment's own settings.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Apply says so when it asks.
    pub protected: bool,
    /// Where its rows are kept, where it says so.
    pub registry: Option<Registry>,
    /// The names of the channels that get notifications about it; all if it has none.
    pub notify: Option<Vec<Placed<String>>>,
}

/// How much a plan may change before apply wants the exact numbers acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The maximum share of the existing integrations, in percent, that a plan may delete.
    pub max_delete_percent: u8,
    /// The most integrations, in percent of ten or more, that a plan may change.
    pub max_change_percent: u8,
}

impl Default for Guard {
    fn default() -> Self {
        Self { max_delete_percent: 30, max_change_percent: 30 }
    }
}

/// Reads `spile.toml`.
pub fn read(source: &Source, problems: &mut Problems) -> Option<ProjectSettings> {
    table::parse(source, problems, settings)
}

fn settings(table: Table<'_>, problems: &mut Problems) -> Option<ProjectSettings> {
    let example = "{ name = \"acme-analytics\", default_environment = \"dev\" }";
    let head = table.required_table("project", example, problems).map(|table| head(table, problems));
    let registry = table.table("registry", problems).map(|table| RegistryTable::read(table, problems));
    let registry = registry.unwrap_or_default();
    let meltano = table.table("meltano", problems).map(|table| meltano::read(table, problems));
    let guard = table.table("guard", problems).map(|table| guard(table, problems));
    let lint = table.table("lint", problems).map(|table| lint::read(table, problems));
    let sync = table.table("sync", problems).map(|table| sync::read(table, problems));
    let run = run_environment::read(&table, problems);
    let mut environments = BTreeMap::new();
    if let Some(table) = table.table("environments", problems) {
        self::environments(&table, &registry, &mut environments, problems);
    }
    let notify = notify::read(&table, problems);
    let named = environments.iter().filter_map(|(name, own)| Some((name, own.notify.as_deref()?)));
    notify::check_names(named, &notify, problems);
    let outputs = outputs::OutputEntry::read(table.tables("outputs", problems), problems);
    // Registries and channels know better what their keys are; what they reported is not reported again.
    table.plain_secrets(&[], problems);
    table.finish(problems);
    let head = head?;
    let default_environment = default_environment(head.default_environment, &mut environments, problems)?;
    let declared: Vec<&EnvironmentName> = environments.keys().collect();
    let outputs = outputs.into_iter().filter_map(|one| one.checked(&default_environment, &declared, problems));
    let outputs = outputs.collect();
    Some(ProjectSettings {
        name: head.name?.value,
        url: head.url.map(|url| url.value.trim_end_matches('/').to_owned()),
        default_environment,
        environments,
        registry: registry.checked(problems),
        meltano: meltano.unwrap_or_default(),
        guard: guard.unwrap_or_default(),
        lint: lint.unwrap_or_default(),
        sync: sync.unwrap_or_default(),
        run,
        notify,
        outputs,
    })
}

/// What `[project]` says.
struct ProjectTable {
    name: Option<Placed<String>>,
    url: Option<Placed<String>>,
    default_environment: Option<Placed<EnvironmentName>>,
}

fn head(table: Table<'_>, problems: &mut Problems) -> ProjectTable {
    let name = table.required_text("name", "\"acme-analytics\"", problems);
    if let Some(name) = name.as_ref().filter(|name| name.trim().is_empty()) {
        problems.push(table.source, SettingsMistake::Name { span: name.place.span.clone().into() });
    }
    let url = table.text("url", problems);
    if let Some(url) = url.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        let span = url.place.span.clone().into();
        problems.push(&url.place.source, SettingsMistake::Url { url: url.value.clone(), span });
    }
    let default_environment = table.parsed("default_environment", problems);
    table.finish(problems);
    ProjectTable { name, url, default_environment }
}

/// Returns the default environment: `dev`, if none is set. It need not be declared; one whose name resembles that
/// of a declared one is taken for a typing error.
fn default_environment(
    written: Option<Placed<EnvironmentName>>,
    environments: &mut BTreeMap<EnvironmentName, Environment>,
    problems: &mut Problems,
) -> Option<EnvironmentName> {
    let Some(written) = written else {
        let first = environments.keys().next().cloned();
        let default = "dev".parse().ok().filter(|dev| environments.contains_key(dev) || first.is_none()).or(first)?;
        environments.entry(default.clone()).or_default();
        return Some(default);
    };
    let resembles = did_you_mean(written.as_str(), environments.keys().map(EnvironmentName::as_str));
    if let Some(help) = resembles.filter(|_| !environments.contains_key(&written.value)) {
        let span = written.place.span.clone().into();
        problems.push(&written.place.source, SettingsMistake::Environment { name: written.value.clone(), span, help });
    }
    environments.entry(written.value.clone()).or_default();
    Some(written.value)
}

fn guard(table: Table<'_>, problems: &mut Problems) -> Guard {
    let default = Guard::default();
    let guard = Guard {
        max_delete_percent: table.percent("max_delete_percent", problems).unwrap_or(default.max_delete_percent),
        max_change_percent: table.percent("max_change_percent", problems).unwrap_or(default.max_change_percent),
    };
    table.finish(problems);
    guard
}

fn environments(
    table: &Table<'_>,
    base: &RegistryTable,
    environments: &mut BTreeMap<EnvironmentName, Environment>,
    problems: &mut Problems,
) {
    for (name, table) in table.named_tables(problems) {
        let protected = table.flag("protected", problems).is_some_and(|flag| flag.value);
        let registry = table.table("registry", problems).map(|table| RegistryTable::read(table, problems));
        let registry = registry.map(|registry| registry.over(base).checked(problems));
        let notify = table.texts("notify", problems).map(|names| names.value);
        table.finish(problems);
        match name.parse::<EnvironmentName>() {
            Ok(parsed) => drop(environments.insert(parsed, Environment { protected, registry, notify })),
            Err(error) => {
                let span = name.place.span.clone().into();
                let finding = table::TomlMistake::Invalid {
                    key: "environments".to_owned(),
                    message: error.to_string(),
                    span,
                    help: None,
                };
                problems.push(&name.place.source, finding);
            }
        }
    }
}

impl ProjectSettings {
    /// Returns the environment that the command line names, or the default one.
    ///
    /// # Errors
    /// When it is not declared.
    pub fn environment(&self, asked: Option<&str>) -> Result<EnvironmentName, UndeclaredEnvironment> {
        let Some(asked) = asked else { return Ok(self.default_environment.clone()) };
        let names = || self.environments.keys().map(EnvironmentName::as_str);
        let found = self.environments.keys().find(|name| name.as_str() == asked);
        found.cloned().ok_or_else(|| UndeclaredEnvironment {
            name: asked.to_owned(),
            help: did_you_mean(asked, names()).unwrap_or_else(|| {
                format!("declare it as `[environments.{asked}]` in `spile.toml`, or use one of {}", listed(names()))
            }),
        })
    }
}

impl ProjectSettings {
    /// Returns the channels that get notifications about an environment.
    #[must_use]
    pub fn channels_of(&self, environment: &EnvironmentName) -> Vec<&Channel> {
        let named = self.environments.get(environment).and_then(|own| own.notify.as_ref());
        let is_told =
            |channel: &&Channel| named.is_none_or(|names| names.iter().any(|name| name.value == channel.name.as_str()));
        self.notify.iter().filter(is_told).collect()
    }

    /// Returns where the rows of an environment are kept.
    #[must_use]
    pub fn registry_of(&self, environment: &EnvironmentName) -> &Registry {
        self.environments.get(environment).and_then(|own| own.registry.as_ref()).unwrap_or(&self.registry)
    }
}

/// The command line uses an environment that is not declared.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the environment `{name}` is not declared")]
#[diagnostic(code(spile::project::undeclared_environment))]
pub struct UndeclaredEnvironment {
    name: String,
    #[help]
    help: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parsed(text: &str) -> (Option<ProjectSettings>, Vec<String>) {
        let mut problems = Problems::default();
        let settings = read(&Source::new("spile.toml", text), &mut problems);
        let report = problems.into_report();
        (settings, report.problems().iter().map(|problem| format!("{problem:?}")).collect())
    }

    #[test]
    fn a_name_is_enough() {
        let (settings, problems) = parsed("[project]\nname = 'acme'\n");
        let settings = settings.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(settings.default_environment.as_str(), "dev");
        assert!(settings.environments.contains_key(&settings.default_environment));
        assert_eq!((settings.guard, settings.meltano.version.as_str()), (Guard::default(), MELTANO_VERSION));
    }

    #[test]
    fn every_mistake_is_reported() {
        let text = "[project]\nname = ' '\ndefault_environment = 'prd'\n[meltano]\nversion = '>=4'\nextras = ['s3', 'a;b']\n\
                    [guard]\nmax_delete_percent = 130\n[environments.prod]\nprotekted = true\n[environments.X]\n";
        let found = parsed(text).1;
        assert_eq!(
            found,
            [
                "spile.toml:2: the project's name is empty [spile::project::name]",
                "spile.toml:3: the environment `prd` is not declared [spile::project::environment]",
                "spile.toml:5: `>=4` is not an exact version of Meltano [spile::project::meltano_version]",
                "spile.toml:6: `a;b` is not a valid extra of Meltano [spile::project::meltano_extra]",
                "spile.toml:8: `max_delete_percent` is 130, not a whole number from 0 to 100 [spile::toml::wrong_kind]",
                "spile.toml:10: unknown key `protekted` [spile::toml::unknown_key]",
                "spile.toml:11: `environments`: `X` is not a valid name: use lowercase letters, digits, and dashes, starting with a letter or digit [spile::toml::invalid]",
            ]
        );
    }

    #[test]
    fn meltano_is_of_one_version() {
        let told =
            |version: &str| parsed(&format!("[project]\nname = 'acme'\n[meltano]\nversion = '{version}'\n")).1.len();
        for exact in ["4.4.1", "4.0", "4.4.1rc2", "4"] {
            assert_eq!(told(exact), 0, "{exact}");
        }
        for other in ["latest", "v4.4.1", "4.*", "4.4.1 ", "4,<5", ""] {
            assert_eq!(told(other), 1, "{other}");
        }
    }

    #[test]
    fn runs_are_carried_out_as_it_says_and_else_as_most_want_them() {
        let text = "[project]\nname = 'acme'\nurl = 'https://spile.example.com/'\n[meltano]\nextras = ['s3']\n\
                    [sync]\njobs = 4\ntimeout = '2h'\nretries = 0\n";
        let (settings, problems) = parsed(text);
        let settings = settings.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(settings.url.as_deref(), Some("https://spile.example.com"));
        assert_eq!(settings.meltano.extras, ["s3".to_owned()].into());
        let expected = Sync { jobs: Some(4), timeout: Some(Duration::from_hours(2)), retries: 0, ..Sync::default() };
        assert_eq!(settings.sync, expected);
        let found = parsed("[project]\nname = 'a'\nurl = 'x'\n[sync]\njobs = 0\ntimeout = 'soon'\nretry = 1\n").1;
        let none = |line: &str| parsed(&format!("[project]\nname = 'a'\n[sync]\n{line}\n")).1;
        assert_eq!(
            none("timeout = '-5m'"),
            ["spile.toml:4: `timeout`: `-5m` is not a duration [spile::toml::invalid]"]
        );
        assert_eq!(none("timeout = '0s'").len(), 1);
        let of = |text: &str| parsed(&format!("[project]\nname = 'a'\n[sync]\n{text}\n")).0.unwrap().sync;
        assert_eq!(of("").catalog, CatalogAge::Within(Duration::from_hours(24)));
        assert_eq!(of("catalog = '2d 12h'").catalog, CatalogAge::Within(Duration::from_hours(60)));
        assert_eq!(
            [of("catalog = 'always'").catalog, of("catalog = 'kept'").catalog],
            [CatalogAge::Always, CatalogAge::Kept]
        );
        assert_eq!(
            [of("empty = 'ok'").empty, of("missing_stream = 'fail'").missing_stream],
            [Severity::Ok, Severity::Fail]
        );
        assert_eq!(
            none("catalog = '-1d'"),
            ["spile.toml:4: `catalog`: `-1d` is not a valid catalog age [spile::toml::invalid]"]
        );
        assert_eq!(none("missing_stream = 'ok'\nfailed_discovery = 'ok'\nempty = 'no'").len(), 3);
        assert_eq!(none("retry_after = '0s'"), [""; 0]);
        let codes: Vec<_> = found.iter().map(|problem| problem.split('[').next_back().unwrap()).collect();
        assert_eq!(
            codes,
            ["spile::project::url]", "spile::toml::wrong_kind]", "spile::toml::invalid]", "spile::toml::unknown_key]"]
        );
    }

    #[test]
    fn an_undeclared_environment_is_refused_with_the_nearest_one() {
        let settings = parsed("[project]\nname = 'acme'\n[environments.prod]\n[environments.dev]\n").0.unwrap();
        assert_eq!(settings.environment(None).unwrap().as_str(), "dev");
        assert_eq!(settings.environment(Some("prd")).unwrap_err().help, "did you mean `prod`?");
    }

    const HOSTED: &str =
        "[project]\nname = 'acme'\n[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_KEY}'\n";

    fn resolved(text: &str, read: fn(&str) -> Option<String>) -> (Option<Resolved>, Vec<String>) {
        let settings = parsed(text).0.unwrap();
        let Registry::Supabase(supabase) = settings.registry_of(&"prod".parse().unwrap()) else {
            panic!("it is local")
        };
        let mut problems = Problems::default();
        let resolved = supabase.resolved(&Variables::new(read, Allowed::default()), &mut problems);
        (resolved, problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect())
    }

    #[test]
    fn an_environment_lays_its_registry_over_the_projects() {
        let text = format!("{HOSTED}rest_path = ''\n[environments.prod.registry]\nurl = 'https://prod.example'\n");
        let (found, problems) = resolved(&text, |name| (name == "SUPABASE_KEY").then(|| "sb_secret_x".to_owned()));
        assert_eq!(problems, Vec::<String>::new());
        let found = found.unwrap();
        assert_eq!((found.address.as_str(), found.key.expose()), ("https://prod.example", "sb_secret_x"));
    }

    #[test]
    fn variables_are_needed_only_when_the_registry_is_opened() {
        assert!(parsed(HOSTED).1.is_empty());
        let (found, problems) = resolved(HOSTED, |_| None);
        assert!(found.is_none());
        assert_eq!(
            problems,
            [
                "spile.toml:5: the environment variable `SUPABASE_URL` is not set [spile::registry::unset]",
                "spile.toml:6: the environment variable `SUPABASE_KEY` is not set [spile::registry::unset]",
            ]
        );
        let (found, problems) = resolved(HOSTED, |_| Some("sb_publishable_x".to_owned()));
        assert!(found.is_none());
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn an_address_from_a_variable_is_not_shown_where_it_is_none() {
        let mistaken = |name: &str| {
            let is_url = name == "SUPABASE_URL";
            Some(if is_url { "postgresql://postgres:hunter2@db.example" } else { "sb_secret_x" }.to_owned())
        };
        let (found, problems) = resolved(HOSTED, mistaken);
        assert!(found.is_none());
        assert_eq!(problems, ["spile.toml:5: `url` is not the address of a Supabase project [spile::registry::url]"]);
    }

    #[test]
    fn a_key_in_the_file_is_refused_and_an_address_is_asked_for() {
        let found = parsed("[project]\nname = 'acme'\n[registry]\nkind = 'supabase'\nkey = 'sb_secret_hunter2'\n").1;
        assert_eq!(
            found,
            [
                "spile.toml:4: `url` is missing [spile::toml::missing_key]",
                "spile.toml:5: the registry key is in plain text [spile::registry::literal_key]",
            ]
        );
    }
}
