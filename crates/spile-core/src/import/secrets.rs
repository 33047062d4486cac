//! Moves plaintext secrets out of `config`, so that they are encrypted during the import.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::adopted::{Adopted, LeftAlone};
use super::part::{CommentedValue, Part, Why};
use super::plugin_key::PluginKey;
use crate::name::{EnvironmentName, SettingName};
use crate::secrecy::{self, Copies};
use crate::secret::Secret;
use crate::value::expansion::has_variable;

/// The settings that are declared as secrets, with their kinds.
pub type DeclaredSecrets = BTreeMap<String, Option<String>>;

/// What is known about the settings of a plugin.
#[derive(Debug, Default)]
pub struct SettingFacts {
    /// Settings that are declared as secrets.
    pub secret: DeclaredSecrets,
    /// Settings that are declared not to be secrets.
    pub open: BTreeSet<String>,
    /// Settings that the file itself declares, in any way.
    pub own: BTreeSet<String>,
    /// Settings that take a value from a fixed list, without a declaration of secrecy.
    pub chosen: BTreeSet<String>,
}

/// Moves the secrets out of a plugin's configuration: values that are declared as secrets, have the name or the form of
/// one, or are copies of another. Tells whether there were any.
pub fn take(one: &mut Adopted, known: &SettingFacts, copies: &Copies) -> bool {
    let mut any = false;
    for part in std::iter::once(&mut one.base).chain(one.overlays.values_mut()) {
        let before = part.secrets.len();
        let config = std::mem::take(&mut part.config);
        for said in config {
            split(part, said, &Judge { known, copies });
        }
        any |= part.secrets.len() > before;
    }
    any
}

struct Judge<'a> {
    known: &'a SettingFacts,
    copies: &'a Copies,
}

impl Judge<'_> {
    fn is_secret(&self, name: &str) -> bool {
        let is_open = || self.known.open.contains(name) || self.known.chosen.contains(name);
        self.known.secret.contains_key(name) || (secrecy::is_name(name) && !is_open())
    }

    /// Returns a value to encrypt, in the form in which Meltano reads it from a variable.
    fn text(&self, value: &Value, is_secret: bool) -> Option<String> {
        match value {
            Value::String(text) if text.is_empty() || has_variable(text) => None,
            Value::String(text) => {
                (is_secret || secrecy::is_value(text) || self.copies.is_in(text)).then(|| text.clone())
            }
            Value::Number(number) => is_secret.then(|| number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn split(part: &mut Part, said: CommentedValue, judge: &Judge<'_>) {
    let kind = judge.known.secret.get(&said.name);
    let is_secret = judge.is_secret(&said.name);
    let secret = match &said.value {
        Value::Object(_) => return nested(part, said, judge),
        Value::Array(_) if kind == Some(&Some("array".to_owned())) => Some(said.value.to_string()),
        value => judge.text(value, is_secret),
    };
    match secret {
        Some(secret) => {
            let is_declared = matches!(kind, Some(Some(kind)) if kind == "integer" || kind == "decimal");
            let has_signs = secrecy::is_name(&said.name) || secrecy::is_value(&secret) || judge.copies.is_in(&secret);
            if kind.is_some() && !has_signs && !judge.known.own.contains(&said.name) {
                part.called.push((said.name.clone(), said.at));
            }
            if said.value.is_number() && !is_declared {
                part.numbers.push((said.name.clone(), said.at));
            }
            part.secrets.insert(said.name.clone(), Secret::new(secret));
            part.comments.extend(said.into_comments());
        }
        None => part.config.push(said),
    }
}

/// Splits a table that contains a secret into settings with dotted names, which mean the same to Meltano.
fn nested(part: &mut Part, said: CommentedValue, judge: &Judge<'_>) {
    let is_secret = judge.is_secret(&said.name);
    let mut leaves = Vec::new();
    flatten(&said.name, &said.value, &mut leaves);
    let can_be_named = leaves.iter().all(|(name, _)| SettingName::new(name).is_definable());
    let secret = |(name, value): &(String, Value)| judge.text(value, is_secret || judge.is_secret(name));
    if !can_be_named || !leaves.iter().any(|leaf| secret(leaf).is_some()) {
        part.config.push(said);
        return;
    }
    let at = said.at;
    part.comments.extend(said.into_comments());
    for leaf in leaves {
        match secret(&leaf) {
            Some(secret) => drop(part.secrets.insert(leaf.0, Secret::new(secret))),
            None => part.config.push(CommentedValue {
                name: leaf.0,
                value: leaf.1,
                comments: Vec::new(),
                within: Vec::new(),
                at,
            }),
        }
    }
}

/// Returns the leaves of a value with dotted names, as Meltano flattens settings.
pub fn flatten(name: &str, value: &Value, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, value, leaves);
            }
        }
        value => leaves.push((name.to_owned(), value.clone())),
    }
}

/// Passes secrets on to the plugins that inherit them, and completes the secrets of every environment that has
/// different ones, because those of an overlay replace the base's.
pub fn inherit(adopted: &mut Vec<Adopted>, left: &mut LeftAlone) {
    adopted.sort_by_key(|one| one.ancestors.len());
    let mut known: BTreeMap<PluginKey, Effective> = BTreeMap::new();
    adopted.retain_mut(|one| {
        if let Err(why) = is_said_once(one) {
            left.insert(one.key.clone(), why);
            return false;
        }
        let parent = one.ancestors.first().and_then(|parent| known.get(parent));
        if let Some(parent) = parent {
            say_again(one, parent);
        }
        let effective = Effective::of(one, parent);
        one.base.secrets.clone_from(&effective.base);
        for (environment, secrets) in &effective.environments {
            let is_other = *secrets != effective.base;
            if let Some(part) = one.overlays.get_mut(environment) {
                part.secrets = if is_other { secrets.clone() } else { BTreeMap::new() };
                part.replaces = is_other;
            } else if is_other {
                let part = Part { secrets: secrets.clone(), replaces: true, ..Part::default() };
                one.overlays.insert(environment.clone(), part);
            }
        }
        one.overlays.retain(|_, part| !part.is_empty() || !part.valueless.is_empty());
        known.insert(one.key.clone(), effective);
        true
    });
    adopted.sort_by(|a, b| a.key.cmp(&b.key));
}

/// If a plugin inherits a setting as plaintext in one environment but as a secret elsewhere, repeats the plaintext in
/// that environment. Otherwise the secret, which becomes its own, would override it.
fn say_again(one: &mut Adopted, parent: &Effective) {
    let said = names(&one.base);
    for (environment, inherited) in &parent.plain {
        let part = one.overlays.get(environment);
        let own = part.map(|part| [names(part), part.secrets.keys().cloned().collect()].concat()).unwrap_or_default();
        let is_hidden = |name: &String| {
            parent.base.contains_key(name)
                && !said.contains(name)
                && !own.contains(name)
                && !one.base.secrets.contains_key(name)
        };
        let again: Vec<CommentedValue> = inherited.iter().filter(|said| is_hidden(&said.name)).cloned().collect();
        if !again.is_empty() {
            one.overlays.entry(environment.clone()).or_default().config.extend(again);
        }
    }
}

/// The secrets of a plugin, including inherited ones.
struct Effective {
    base: BTreeMap<String, Secret>,
    /// The plaintext settings of environments.
    plain: BTreeMap<EnvironmentName, Vec<CommentedValue>>,
    environments: BTreeMap<EnvironmentName, BTreeMap<String, Secret>>,
}

impl Effective {
    fn of(one: &Adopted, parent: Option<&Self>) -> Self {
        let base_says = names(&one.base);
        let mut base = one.base.secrets.clone();
        if let Some(parent) = parent {
            add(&mut base, &parent.base, &base_says);
        }
        let of_parent = parent.into_iter().flat_map(|parent| parent.environments.keys());
        let all = one.overlays.keys().chain(of_parent).cloned();
        let environments = all.map(|environment| {
            let part = one.overlays.get(&environment);
            let says = part.map(names).unwrap_or_default();
            let mut secrets = part.map(|part| part.secrets.clone()).unwrap_or_default();
            add(&mut secrets, &one.base.secrets, &says);
            let inherited = parent.map(|parent| parent.environments.get(&environment).unwrap_or(&parent.base));
            if let Some(inherited) = inherited {
                add(&mut secrets, inherited, &[says, base_says.clone()].concat());
            }
            (environment, secrets)
        });
        let plain = one.overlays.iter().map(|(environment, part)| (environment.clone(), part.config.clone()));
        Self { environments: environments.collect(), plain: plain.collect(), base }
    }
}

/// Adds secrets that are neither present nor set in plaintext.
fn add(secrets: &mut BTreeMap<String, Secret>, more: &BTreeMap<String, Secret>, said: &[String]) {
    for (name, secret) in more.iter().filter(|(name, _)| !said.contains(name)) {
        secrets.entry(name.clone()).or_insert_with(|| secret.clone());
    }
}

/// Returns the dotted names of everything that a part sets in plaintext.
fn names(part: &Part) -> Vec<String> {
    let mut leaves = Vec::new();
    for said in &part.config {
        flatten(&said.name, &said.value, &mut leaves);
        leaves.push((said.name.clone(), Value::Null));
    }
    leaves.into_iter().map(|(name, _)| name).collect()
}

/// Refuses a setting that is a variable in the base and a secret in an environment, because files override each other.
fn is_said_once(one: &Adopted) -> Result<(), Why> {
    let said = names(&one.base);
    for part in one.overlays.values() {
        if let Some(name) = part.secrets.keys().find(|name| said.contains(name)) {
            let at = one.base.config.first().map_or(0, |said| said.at);
            let what = format!("`{name}` is a variable here and a secret in plain text in an environment");
            return Err(Why { what, at });
        }
    }
    Ok(())
}
