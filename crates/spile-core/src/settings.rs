//! The contents of `spile.toml`: the project's name, environments, registry, outputs, and guards.

mod agreement;
mod allowed;
mod guard;
mod host;
mod lint;
mod meltano;
mod mistake;
mod notify;
mod outputs;
mod registry;
mod run_environment;
mod sync;
mod variable_name;
mod variables;

use std::collections::BTreeMap;

use crate::name::EnvironmentName;
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::{Placed, Source};
use crate::table::{self, Table};
use registry::RegistryTable;

pub use agreement::{Agreement, Sent, TRUST_OPTION, TRUST_VARIABLE};
pub use allowed::{ALLOW, AllowMistake, Allowed, words};
pub use guard::Guard;
pub use host::{Host, MailServer, NotAHost, NotAMailServer, NotAWebAddress, TrustedHost, WebAddress, secure};
pub use lint::{LINTS, Lint};
pub use meltano::{MELTANO_VERSION, Meltano, StateBackend};
pub use mistake::{SettingsMistake, UndeclaredEnvironment};
pub use notify::{AlertKind, Channel, Email, NotifyMistake, Sender};
pub use outputs::{Builtin, OutputMistake, OutputSettings};
pub use registry::{Home, NotATableName, Registry, RegistryMistake, Resolved, Supabase, TableName};
pub use run_environment::{RunEnvironment, RunMistake};
pub use sync::{CatalogAge, STREAMS, STREAMS_WANTED, Severity, Sync, Verify};
pub use variable_name::{NotAName, VariableName};
pub use variables::{Mixed, NoValue, TextOrVariable, Variables};

/// The settings of a project.
#[derive(Debug, Clone)]
pub struct ProjectSettings {
    /// The project's name: the owner of its rows in a registry.
    pub name: String,
    /// The public address of its pages, for links.
    pub url: Option<String>,
    /// The environment that commands use without `--env`.
    pub default_environment: EnvironmentName,
    /// The declared environments, always including the default one.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// The registry of environments without their own.
    pub registry: Registry,
    /// The pinned version of Meltano.
    pub meltano: Meltano,
    /// How much a plan may change without being acknowledged.
    pub guard: Guard,
    /// The settings of lints.
    pub lint: Lint,
    /// How runs are executed.
    pub sync: Sync,
    /// Which environment variables runs get.
    pub run: RunEnvironment,
    /// The notification channels.
    pub notify: Vec<Channel>,
    /// The files that are rendered in addition to `meltano.yml`.
    pub outputs: Vec<OutputSettings>,
}

/// An environment's own settings.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Whether apply mentions it when it asks for confirmation.
    pub protected: bool,
    /// Its own registry, if it has one.
    pub registry: Option<Registry>,
    /// The names of the channels that get notifications about it; `None` means all.
    pub notify: Option<Vec<Placed<String>>>,
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
    let guard = table.table("guard", problems).map(|table| Guard::read(table, problems));
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
    // Comes last, so that keys which registries and channels have reported more precisely are not reported again.
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

/// `[project]` as written.
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

/// Returns the default environment. If none is set, that is `dev`, or the first declared environment if `dev` is not
/// declared. It need not be declared, but a name that resembles a declared one is reported as a typo.
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
    /// Returns the environment that the command line requests, or the default one.
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

    /// Tells whether an environment is protected.
    #[must_use]
    pub fn protects(&self, environment: &EnvironmentName) -> bool {
        self.environments.get(environment).is_some_and(|own| own.protected)
    }

    /// Returns the registry of an environment.
    #[must_use]
    pub fn registry_of(&self, environment: &EnvironmentName) -> &Registry {
        self.environments.get(environment).and_then(|own| own.registry.as_ref()).unwrap_or(&self.registry)
    }
}

#[cfg(test)]
mod tests;
