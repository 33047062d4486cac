//! Upgrades in words: the same in a plan, in its Markdown, and when a connector is upgraded.

use spile_core::plan::upgrade::{Moved, PluginUpgrade, Upgrade};
use spile_core::problem::listed;

/// The maximum number of names to list.
const MOST: usize = 12;

/// Returns what an upgrade is about: `the plugin tap-x, of 3 integrations`.
#[must_use]
pub fn head(upgrade: &PluginUpgrade) -> String {
    let integrations = upgrade.integrations.iter().map(spile_core::name::Slug::as_str);
    format!("the definition of `{}` changes for {}", upgrade.plugin, some(integrations))
}

/// Returns what changes, a phrase for each kind of change; names are in backticks.
#[must_use]
pub fn phrases(upgrade: &Upgrade) -> Vec<String> {
    let mut phrases = Vec::new();
    if let Some(version) = &upgrade.version {
        let named = |text: &str| if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") };
        phrases.push(format!("installed from {}, was {}", named(&version.to), named(&version.from)));
    }
    phrases.extend(moved("capabilities", &upgrade.capabilities));
    phrases.extend(moved("settings", &upgrade.settings));
    if !upgrade.changed.is_empty() {
        let one = |(name, keys): (&String, &std::collections::BTreeSet<String>)| {
            format!("`{name}` ({})", keys.iter().map(|key| word(key)).collect::<Vec<_>>().join(", "))
        };
        let names: Vec<String> = upgrade.changed.iter().take(MOST).map(one).collect();
        phrases.push(format!("settings that change: {}{}", names.join(", "), more(upgrade.changed.len())));
    }
    if !upgrade.keys.is_empty() {
        phrases.push(format!("also: {}", upgrade.keys.iter().map(|key| word(key)).collect::<Vec<_>>().join(", ")));
    }
    if phrases.is_empty() {
        phrases.push("only the order of its settings".to_owned());
    }
    phrases
}

fn moved(what: &str, moved: &Moved) -> Vec<String> {
    let parts = [("new", &moved.added), ("gone", &moved.removed)];
    let named = parts.into_iter().filter(|(_, words)| !words.is_empty());
    named.map(|(how, words)| format!("{what} that are {how}: {}", some(words.iter().map(String::as_str)))).collect()
}

/// Returns names, the first of them where there are many.
#[must_use]
pub fn some<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    format!("{}{}", listed(names.take(MOST)), more(count))
}

fn more(count: usize) -> String {
    let more = count.saturating_sub(MOST);
    if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// Meltano's words for keys, as people say them.
fn word(key: &str) -> &str {
    match key {
        "value" => "default",
        "sensitive" => "secret",
        "settings_group_validation" => "groups",
        other => other,
    }
}
