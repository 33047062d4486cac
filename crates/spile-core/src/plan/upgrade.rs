//! Upgrades: changes to a plugin's definition, reported once rather than for each integration that uses it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Change, Plan};
use crate::name::Slug;
use crate::record::{Entry, Record};

/// The changes to a plugin's definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// What pip installs, before and after, if that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Its capabilities from the Singer specification.
    pub capabilities: Moved,
    /// The names of its settings.
    pub settings: Moved,
    /// Settings that stay but change, with the changed keys: `kind`, `value`, and so on.
    pub changed: BTreeMap<String, BTreeSet<String>>,
    /// Other keys of the definition that differ.
    pub keys: BTreeSet<String>,
}

/// What pip installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The live `pip_url`.
    pub from: String,
    /// The desired `pip_url`.
    pub to: String,
}

/// Words that are added to or removed from a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The added words.
    pub added: BTreeSet<String>,
    /// The removed words.
    pub removed: BTreeSet<String>,
}

/// An upgrade with the integrations that use the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginUpgrade {
    /// The base plugin.
    pub plugin: String,
    /// The integrations that a plan changes along with it.
    pub integrations: BTreeSet<Slug>,
    /// The changes.
    #[serde(flatten)]
    pub upgrade: Upgrade,
}

impl Moved {
    fn between<'a>(before: impl Iterator<Item = &'a str>, after: impl Iterator<Item = &'a str>) -> Self {
        let (before, after): (BTreeSet<&str>, BTreeSet<&str>) = (before.collect(), after.collect());
        let owned = |words: &BTreeSet<&str>, others| words.difference(others).map(|word| (*word).to_owned()).collect();
        Self { added: owned(&after, &before), removed: owned(&before, &after) }
    }

    /// Tells whether no word is added or removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Upgrade {
    /// Returns the changes between two definitions, in Meltano's form; `None` if they are the same.
    #[must_use]
    pub fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Self> {
        let text = |of: &Map<String, Value>| of.get("pip_url").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (from, to) = (text(before), text(after));
        let (old, new) = (settings(before), settings(after));
        let changed = new.iter().filter_map(|(name, new)| {
            let keys = keys(old.get(name)?, new);
            (!keys.is_empty()).then(|| ((*name).to_owned(), keys))
        });
        let mut keys = keys(before, after);
        let told = ["capabilities", "pip_url", "settings"].map(|key| keys.remove(key));
        let upgrade = Self {
            version: (from != to).then_some(Version { from, to }),
            capabilities: Moved::between(words(before, "capabilities"), words(after, "capabilities")),
            settings: Moved::between(old.keys().copied(), new.keys().copied()),
            changed: changed.collect(),
            keys,
        };
        (told.contains(&true) || !upgrade.keys.is_empty()).then_some(upgrade)
    }
}

impl Plan {
    /// Returns the upgrades, by plugin. If several definitions of a plugin change to one, each is reported.
    #[must_use]
    pub fn upgrades(&self) -> Vec<PluginUpgrade> {
        let mut upgrades: Vec<PluginUpgrade> = Vec::new();
        let changes = self.meltano.changes.values().filter_map(|change| match change {
            Change::Update { before, after } if is_the_same_plugin(before, after) => Some((before, after)),
            _ => None,
        });
        for (before, after) in changes {
            let Some(upgrade) = Upgrade::between(&before.definition, &after.definition) else { continue };
            let (slug, plugin) = (after.slug().clone(), after.base_plugin());
            match upgrades.iter_mut().find(|one| one.plugin == plugin && one.upgrade == upgrade) {
                Some(known) => drop(known.integrations.insert(slug)),
                None => upgrades.push(PluginUpgrade {
                    plugin: plugin.to_owned(),
                    integrations: BTreeSet::from([slug]),
                    upgrade,
                }),
            }
        }
        upgrades.sort_by(|a, b| a.plugin.cmp(&b.plugin));
        upgrades
    }
}

fn is_the_same_plugin(before: &Entry, after: &Entry) -> bool {
    before.role == after.role && before.base_plugin() == after.base_plugin() && before.origin == after.origin
}

fn words<'a>(of: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a str> {
    of.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn settings(of: &Map<String, Value>) -> BTreeMap<&str, &Map<String, Value>> {
    let all = of.get("settings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    all.filter_map(|setting| Some((setting.get("name")?.as_str()?, setting))).collect()
}

/// Returns the keys whose values differ.
fn keys(before: &Map<String, Value>, after: &Map<String, Value>) -> BTreeSet<String> {
    let all = before.keys().chain(after.keys());
    all.filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::connector::Role;
    use crate::plan::tests::{current, entry, id, plan_of};
    use crate::plan::{Snapshot, State};
    use crate::record::entry::Origin;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn changes_are_reported_by_kind() {
        let before = map(&json!({
            "name": "tap-x", "pip_url": "tap-x==1.0", "capabilities": ["catalog", "state"],
            "settings": [{"name": "a", "kind": "string"}, {"name": "b"}, {"name": "c", "value": 1}],
        }));
        let after = map(&json!({
            "name": "tap-x", "pip_url": "tap-x==2.0", "capabilities": ["catalog", "batch"], "label": "X",
            "settings": [{"name": "d"}, {"name": "a", "kind": "integer"}, {"name": "c", "value": 1}],
        }));
        let upgrade = Upgrade::between(&before, &after).unwrap();
        let expected = json!({
            "version": {"from": "tap-x==1.0", "to": "tap-x==2.0"},
            "capabilities": {"added": ["batch"], "removed": ["state"]},
            "settings": {"added": ["d"], "removed": ["b"]},
            "changed": {"a": ["kind"]},
            "keys": ["label"],
        });
        assert_eq!(json!(upgrade), expected);
        assert_eq!(Upgrade::between(&after, &after), None);
    }

    #[test]
    fn another_order_of_settings_is_a_change_without_details() {
        let of = |names: [&str; 2]| map(&json!({"settings": names.map(|name| json!({"name": name}))}));
        let upgrade = Upgrade::between(&of(["a", "b"]), &of(["b", "a"])).unwrap();
        assert_eq!(upgrade, Upgrade::default());
    }

    #[test]
    fn words_that_are_only_added_or_only_removed_count() {
        let moved = |before: &[&str], after: &[&str]| Moved::between(before.iter().copied(), after.iter().copied());
        assert!(moved(&["a", "b"], &["b", "a"]).is_empty());
        assert!(!moved(&["a"], &["a", "b"]).is_empty());
        assert!(!moved(&["a", "b"], &["a"]).is_empty());
    }

    #[test]
    fn an_upgrade_is_reported_once_for_all_integrations_that_use_the_plugin() {
        let using = |number, (name, pip_url): (&str, &str)| Entry {
            definition: Arc::new(map(&json!({"name": name, "pip_url": pip_url})).into()),
            ..entry(number, "a")
        };
        let (one, two) = (("tap-a", "1"), ("tap-a", "2"));
        let pairs = [
            (using(1, one), using(1, two)),
            (using(2, one), using(2, two)),
            (using(3, ("tap-a", "0")), using(3, two)),
            (using(4, ("tap-b", "1")), using(4, ("tap-b", "2"))),
            (using(5, one), using(5, ("tap-c", "2"))),
            (using(6, one), Entry { role: Role::Loader, ..using(6, two) }),
            (Entry { origin: Origin::Imported, ..using(7, one) }, using(7, two)),
            (using(8, two), Entry { protect: true, ..using(8, two) }),
        ];
        let (before, after): (State<Entry>, State<Entry>) = (
            pairs.iter().zip(1..).map(|((before, _), number)| (id(number), before.clone())).collect(),
            pairs.iter().zip(1..).map(|((_, after), number)| (id(number), after.clone())).collect(),
        );
        let mut there = current(&[], &[]);
        there.meltano = Snapshot { state: before, ..there.meltano };
        let planned = plan_of(&there, State::default(), after, "");
        let upgrade = |plugin: &str, (from, to): (&str, &str), integrations: &[&str]| PluginUpgrade {
            plugin: plugin.to_owned(),
            integrations: integrations.iter().map(|slug| slug.parse().unwrap()).collect(),
            upgrade: Upgrade {
                version: Some(Version { from: from.to_owned(), to: to.to_owned() }),
                ..Upgrade::default()
            },
        };
        let expected = [
            upgrade("tap-a", ("1", "2"), &["shop-1", "shop-2"]),
            upgrade("tap-a", ("0", "2"), &["shop-3"]),
            upgrade("tap-b", ("1", "2"), &["shop-4"]),
        ];
        assert_eq!(planned.upgrades(), expected);
    }
}
