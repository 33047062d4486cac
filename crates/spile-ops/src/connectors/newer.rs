//! The project's connectors that have a different definition on the hub.

use std::collections::BTreeSet;

use spile_core::connector::{Connector, read};
use spile_core::problem::Problems;
use spile_world::Project;
use spile_world::net::hub::{Index, KeptPlugin};

/// Returns the plugin of a connector in the local copy of the hub.
pub(super) fn of<'a>(connector: &Connector, index: &'a Index) -> Option<&'a KeptPlugin> {
    let plugin = &connector.plugin;
    index
        .plugins
        .iter()
        .find(|kept| kept.kind == connector.head.role && kept.plugin == plugin.name && kept.variant == plugin.variant)
}

/// Returns the connectors whose definition on the hub has changed since they were imported.
pub(super) fn upgradable(project: &Project, index: &Index) -> BTreeSet<String> {
    // Problems of connectors are left to `check`.
    let mut problems = Problems::default();
    let paths = project.connector_paths(&mut problems);
    let own = paths.iter().filter_map(|path| {
        let source = project.connector(path, &mut problems)?;
        read::connector(&source, &mut problems)
    });
    let is_older = |connector: &Connector| {
        let lock = connector.lock.as_ref().filter(|lock| lock.from.starts_with("hub:"));
        lock.is_some_and(|lock| of(connector, index).is_some_and(|kept| kept.sha256 != lock.sha256))
    };
    own.filter(is_older).map(|connector| connector.head.name).collect()
}
