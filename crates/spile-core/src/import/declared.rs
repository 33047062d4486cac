//! Settings that are declared by a key without a value. Meltano leaves them unset, and reads them from their variables.

use std::collections::BTreeSet;

use serde_json::Value;

use super::adopted::Adopted;
use super::connectors::{Locks, settings};
use super::inventory::Inventory;
use super::plugin_key::PluginKey;
use super::secrets::flatten;
use crate::yaml::{Content, Node};

/// Keeps the keys without a value that are the only declaration of a setting. They move to the plugin's own `settings`.
/// If nothing can be added there, and in environments, they are lost.
pub(super) fn settle(one: &mut Adopted, found: &Inventory<'_>, locks: &Locks) {
    let chain: Vec<&PluginKey> = std::iter::once(&one.key).chain(&one.ancestors).collect();
    let is_custom = || {
        let root = chain.last().and_then(|key| found.plugin(key));
        root.is_some_and(|plugin| plugin.value["namespace"].is_string())
    };
    // The settings of any other plugin are not known here, and this must not replace a setting of the same name.
    let is_known = chain.iter().any(|key| locks.contains_key(key)) || is_custom();
    let mut names = names(&chain, found, locks);
    let mut settle = |keys: &mut Vec<(String, usize)>| {
        keys.retain(|(name, _)| is_known && !name.starts_with('_') && names.insert(name.clone()));
    };
    settle(&mut one.base.valueless);
    one.overlays.values_mut().for_each(|part| settle(&mut part.valueless));
    let is_open = found.plugin(&one.key).is_some_and(|plugin| can_be_added_to(plugin.item, &plugin.value));
    if is_open {
        one.declared = one.base.valueless.drain(..).map(|(name, _)| name).collect();
    }
}

/// Returns the settings that are declared in another way: in a list, or by a value.
fn names(chain: &[&PluginKey], found: &Inventory<'_>, locks: &Locks) -> BTreeSet<String> {
    let plugins = || chain.iter().filter_map(|key| found.plugin(key)).map(|plugin| &plugin.value);
    let lists = plugins().chain(chain.iter().filter_map(|key| locks.get(key))).flat_map(settings);
    let mut names: BTreeSet<String> = lists.filter_map(|one| one["name"].as_str()).map(str::to_owned).collect();
    for (index, plugin) in plugins().enumerate() {
        let mut leaves = Vec::new();
        flatten("", &plugin["config"], &mut leaves);
        // A parent's declarations also apply to its children, even without a value.
        let leaves = leaves.into_iter().filter(|(_, value)| index > 0 || !value.is_null());
        names.extend(leaves.map(|(name, _)| name));
    }
    names
}

fn can_be_added_to(item: &Node, value: &Value) -> bool {
    match item.get("settings") {
        Some(list) => matches!(list.content, Content::Sequence(..)),
        // A merge key may bring settings.
        None => value.get("settings").is_none(),
    }
}
