//! Upgrades in words: the same in a plan, in its Markdown, and when upgrading a connector.

use spile_core::phrase;
use spile_core::phrase::{Phrase, code, codes};
use spile_core::plan::upgrade::{Moved, PluginUpgrade, Upgrade};

/// The maximum number of names to list.
const MOST: usize = 12;

/// Returns the plugin and the integrations that an upgrade concerns, as a phrase.
#[must_use]
pub fn head(upgrade: &PluginUpgrade) -> Phrase {
    let integrations = upgrade.integrations.iter().map(spile_core::name::Slug::as_str);
    phrase!["the definition of ", code(&upgrade.plugin), " changes for ", some(integrations)]
}

/// Returns what changes, a phrase for each kind of change.
#[must_use]
pub fn phrases(upgrade: &Upgrade) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    if let Some(version) = &upgrade.version {
        let named = |text: &str| -> Phrase { if text.is_empty() { "nothing".into() } else { code(text) } };
        phrases.push(phrase!["installed from ", named(&version.to), ", was ", named(&version.from)]);
    }
    phrases.extend(moved("capabilities", &upgrade.capabilities));
    phrases.extend(moved("settings", &upgrade.settings));
    if !upgrade.changed.is_empty() {
        let one = |(name, keys): (&String, &std::collections::BTreeSet<String>)| {
            phrase![code(name), " (", keys.iter().map(|key| word(key)).collect::<Vec<_>>().join(", "), ")"]
        };
        let names = Phrase::joined(upgrade.changed.iter().take(MOST).map(one), ", ");
        phrases.push(phrase!["settings that change: ", names, more(upgrade.changed.len())]);
    }
    if !upgrade.keys.is_empty() {
        phrases.push(phrase!["also: ", upgrade.keys.iter().map(|key| word(key)).collect::<Vec<_>>().join(", ")]);
    }
    if phrases.is_empty() {
        phrases.push("only the order of its settings".into());
    }
    phrases
}

fn moved(what: &str, moved: &Moved) -> Vec<Phrase> {
    let parts = [("new", &moved.added), ("gone", &moved.removed)];
    let named = parts.into_iter().filter(|(_, words)| !words.is_empty());
    named.map(|(how, words)| phrase![what, " that are ", how, ": ", some(words.iter().map(String::as_str))]).collect()
}

/// Returns a list of names, cut after the first few.
#[must_use]
pub fn some<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Phrase {
    let count = names.len();
    codes(names.take(MOST)).and(more(count))
}

fn more(count: usize) -> String {
    let more = count.saturating_sub(MOST);
    if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// Returns a readable word for a key in Meltano's definitions.
fn word(key: &str) -> &str {
    match key {
        "value" => "default",
        "sensitive" => "secret",
        "settings_group_validation" => "groups",
        other => other,
    }
}
