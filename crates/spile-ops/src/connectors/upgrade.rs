//! Upgrades a connector to a newer definition, and shows which integrations change, and how.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::import::{faults, lock};
use super::{BUILT_IN, ConnectorsError, Origin, Shelf, ShownConnector, newer};
use crate::edits::Edits;
use crate::{Error, check};
use spile_core::connector::lossy_packages::Faulty;
use spile_core::connector::{Connector, Plugin, Role, Setting};
use spile_core::definition::{self, Definition, DefinitionHints};
use spile_core::name::Slug;
use spile_core::plan::upgrade::Upgrade;
use spile_core::problem::{Problems, Report};
use spile_core::record::PluginDefinition;
use spile_core::source::Source;
use spile_world::Project;
use spile_world::net::hub::HubCache;

/// A prepared upgrade.
#[derive(Debug)]
pub struct Prepared {
    /// The connector.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its file, relative to the project.
    pub path: PathBuf,
    /// What changes in Meltano's definition; `None` if nothing does.
    pub upgrade: Option<Upgrade>,
    /// The plugin as it will be.
    pub plugin: Plugin,
    /// How the connector differs from what the definition says.
    pub notes: Vec<String>,
    /// The integrations that use it.
    pub integrations: BTreeSet<Slug>,
    /// The problems that the project's files would have.
    pub problems: Report,
    before: String,
    text: String,
}

impl Prepared {
    /// Tells whether the file would stay the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before == self.text
    }
}

/// Returns the project's connector with a name.
///
/// # Errors
/// When there is none, it is built in, or there are two.
pub fn own(project: &Project, name: &str, role: Option<Role>) -> Result<ShownConnector, Error> {
    let shown = Shelf::read(project)?.show(name, role)?;
    let (own, other): (Vec<_>, Vec<_>) = shown.into_iter().partition(|one| matches!(one.origin, Origin::File(_)));
    match (<[ShownConnector; 1]>::try_from(own), other.first()) {
        (Ok([one]), _) => Ok(one),
        (Err(own), Some(other)) if own.is_empty() => {
            let (role, name) = (other.connector.head.role, name.to_owned());
            Err(ConnectorsError::BuiltIn { role, name }.into())
        }
        (Err(_), _) => Err(ConnectorsError::Both { name: name.to_owned() }.into()),
    }
}

/// Returns the source of a newer definition of a connector, in the form that `connectors import` takes: the built-in one if
/// the connector's package loses rows, the source that it was imported from, or the local copy of the hub.
///
/// # Errors
/// When no source is known.
pub fn source_of(project: &Project, connector: &Connector) -> Result<String, Error> {
    if let Some(faulty) = Faulty::of(&connector.plugin.pip_url) {
        return Ok(format!("{BUILT_IN}{}", faulty.instead));
    }
    if let Some(lock) = connector.lock.as_ref().filter(|lock| lock.from.starts_with("pip:")) {
        // Drops the old version, to get the newest one.
        return Ok(lock.from.split("==").next().unwrap_or(&lock.from).trim().to_owned());
    }
    let index = HubCache::of(&project.own_folder()).index()?;
    let found = index.as_ref().and_then(|index| newer::of(connector, index));
    found.map(|plugin| format!("hub:{}", plugin.indexed().name())).ok_or_else(|| {
        let name = format!("{}--{}", connector.plugin.name, connector.plugin.variant);
        let help = "run `spile connectors update`, or specify the newer definition with `--from`".to_owned();
        ConnectorsError::NotInHub { name, help }.into()
    })
}

/// Merges a newer definition into a connector. Writes nothing.
///
/// # Errors
/// When the definition is invalid, or is for a different plugin.
pub fn prepare(
    project: &Project,
    shown: &ShownConnector,
    source: &Source,
    asked: &DefinitionHints,
) -> Result<Prepared, Error> {
    let ShownConnector { connector: older, origin: Origin::File(path), .. } = shown else {
        let (role, name) = (shown.connector.head.role, shown.connector.head.name.clone());
        return Err(ConnectorsError::BuiltIn { role, name }.into());
    };
    let mut problems = Problems::default();
    let asked = DefinitionHints {
        role: asked.role.or(Some(older.head.role)),
        name: Some(older.head.name.clone()),
        ..asked.clone()
    };
    let found = definition::read(source, &asked, &mut problems);
    let Some(Definition { connector, mut notes }) = found.filter(|_| !problems.any_error()) else {
        return Err(Error::Problems(problems.into_report()));
    };
    // `import` calls the plugin `<plugin>-base` if integrations of a Meltano project inherit from it.
    let plugin = older.plugin.name.strip_suffix("-base").unwrap_or(&older.plugin.name);
    if connector.head.role != older.head.role || ![plugin, &older.plugin.name].contains(&connector.plugin.name.as_str())
    {
        let shown = |one: &Connector| format!("{} `{}`", one.head.role, one.plugin.name);
        let (wanted, found) = (shown(older), shown(&connector));
        return Err(ConnectorsError::OtherPlugin { name: older.head.name.clone(), wanted, found }.into());
    }
    let (mut merged, kept) = definition::merge(older, connector);
    // The plugin name is part of the state ids under which Meltano stores bookmarks.
    merged.plugin.name.clone_from(&older.plugin.name);
    if asked.from.as_deref().is_some_and(|from| from.starts_with(BUILT_IN)) {
        keep_settings(&mut merged, older);
    }
    notes.extend(kept);
    merged.lock = Some(lock(source, &asked));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let text = definition::text(&merged, &stem);
    let report = faults(path, &text);
    if !report.problems().is_empty() {
        return Err(Error::Problems(report));
    }
    let before = project.text(path).map_err(|why| Error::of_file("read", path, why))?;
    let (integrations, problems) = impact(project, path, &text, older)?;
    Ok(Prepared {
        name: older.head.name.clone(),
        role: older.head.role,
        path: path.clone(),
        upgrade: Upgrade::between(&PluginDefinition::of(older), &PluginDefinition::of(&merged)),
        plugin: merged.plugin,
        notes,
        integrations,
        problems,
        before,
        text,
    })
}

/// Keeps settings of the older definition that the built-in one leaves out for simplicity, for example aliases of other
/// settings. The plugin reads them all, and integrations may use them.
fn keep_settings(merged: &mut Connector, older: &Connector) {
    let missing = older.settings.iter().filter(|setting| merged.setting(&setting.name).is_none());
    let missing: Vec<Setting> = missing.cloned().collect();
    merged.settings.extend(missing);
    merged.groups.clone_from(&older.groups);
}

/// Returns the integrations that use a connector, and the problems that the project would have with a new definition.
fn impact(
    project: &Project,
    path: &Path,
    text: &str,
    connector: &Connector,
) -> Result<(BTreeSet<Slug>, Report), Error> {
    let used = |loaded: &check::Loaded| {
        let uses = loaded.integrations.iter().filter(|one| {
            (one.connector.head.role, &one.connector.head.name) == (connector.head.role, &connector.head.name)
        });
        uses.map(|one| one.slug.clone()).collect()
    };
    let users = check::used(project).map(|loaded| used(&loaded)).unwrap_or_default();
    match check::used(&project.with(path, text.to_owned())) {
        Ok(loaded) => Ok((used(&loaded), Report::default())),
        Err(Error::Problems(report)) => Ok((users, report)),
        Err(other) => Err(other),
    }
}

/// Writes a prepared upgrade.
///
/// # Errors
/// When the file has changed in the meantime, or cannot be written.
pub fn write(project: &Project, prepared: &Prepared) -> Result<(), Error> {
    let mut edits = Edits::default();
    edits.set(&prepared.path, Some(prepared.before.clone()), Some(prepared.text.clone()));
    edits.write(project).map(drop)
}
