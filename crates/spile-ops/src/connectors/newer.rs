//! Connectors of a project that have a different definition on the hub.

use std::collections::BTreeSet;

use spile_core::connector::{Connector, read};
use spile_core::problem::Problems;
use spile_world::Project;
use spile_world::net::hub::{Index, KeptPlugin};

/// Returns what is kept of the hub of the plugin that a connector was made of.
pub(super) fn of<'a>(connector: &Connector, index: &'a Index) -> Option<&'a KeptPlugin> {
    let plugin = &connector.plugin;
    index
        .plugins
        .iter()
        .find(|kept| kept.kind == connector.head.role && kept.plugin == plugin.name && kept.variant == plugin.variant)
}

/// Returns the connectors that were made of a definition which the hub has another one of now.
pub(super) fn upgradable(project: &Project, index: &Index) -> BTreeSet<String> {
    // What is wrong with connectors is for `check` to tell.
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
