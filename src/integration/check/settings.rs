//! Checking `[config]` against the settings of a connector: kinds, options, secrets, required groups.

use serde_json::Value;

use super::{Draft, Mistake};
use crate::connector::{Connector, Kind, Setting};
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::{Place, Placed};
use crate::table::Node;
use crate::value::Settings;

pub(super) fn config(draft: &Draft, connector: &Connector, problems: &mut Problems) -> Settings {
    let mut config = Settings::new();
    for (name, node) in &draft.config {
        let mut found = Vec::new();
        flatten(connector, name, node, &mut found);
        for (name, node) in found {
            match connector.setting(&name) {
                Some(setting) if setting.secret => plain_secret(draft, connector, (&name, node), problems),
                Some(setting) => fits(setting, &node.value, problems),
                None => unknown(connector, (&name, node), problems),
            }
            config.insert(name, node.value.value.clone());
        }
    }
    config
}

/// Turns `[config.local] folders = []` into `local.folders`, where the connector has such a setting.
fn flatten<'a>(connector: &Connector, name: &str, node: &'a Node, found: &mut Vec<(String, &'a Node)>) {
    let prefix = format!("{name}.");
    let nested =
        connector.setting(name).is_none() && connector.settings.iter().any(|setting| setting.name.starts_with(&prefix));
    if nested && node.value.is_object() {
        for (key, member) in &node.members {
            flatten(connector, &format!("{prefix}{key}"), member, found);
        }
    } else {
        found.push((name.to_owned(), node));
    }
}

fn plain_secret(draft: &Draft, connector: &Connector, (name, node): (&str, &Node), problems: &mut Problems) {
    node.hide(problems);
    let variable = environment_variable(&connector.plugin_name(&draft.slug), name);
    let span = node.key.span.clone().into();
    problems.push(&node.key.source, Mistake::PlainSecret { name: name.to_owned(), variable, span });
}

/// Returns the environment variable from which Meltano reads a setting of a plugin: upper case, everything
/// that is no letter or digit an underscore.
#[must_use]
pub fn environment_variable(plugin: &str, setting: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{plugin}_{setting}").chars().map(letter).collect()
}

fn fits(setting: &Setting, value: &Placed<Value>, problems: &mut Problems) {
    // Meltano replaces `$NAME` in values by the variable; what it will be cannot be known here.
    if value.as_str().is_some_and(|text| text.starts_with('$')) {
        return;
    }
    let Err(found) = setting.kind.check(value) else { return };
    let (wanted, example) = setting.kind.wanted();
    let help = match &setting.kind {
        Kind::Options(choices) => {
            let names = || choices.iter().map(|choice| choice.value.as_str());
            let near = value.as_str().and_then(|text| did_you_mean(text, names()));
            near.unwrap_or_else(|| format!("choose one of {}", listed(names())))
        }
        _ => format!("write {wanted}, such as `{} = {example}`", setting.name),
    };
    let span = value.place.span.clone().into();
    problems.push(&value.place.source, Mistake::WrongKind { name: setting.name.clone(), found, wanted, span, help });
}

/// What stands at a misspelt name may be a secret.
fn unknown(connector: &Connector, (name, node): (&str, &Node), problems: &mut Problems) {
    node.hide(problems);
    let names = || connector.settings.iter().map(|setting| setting.name.as_str());
    let help = did_you_mean(name, names()).unwrap_or_else(|| match connector.settings.as_slice() {
        [] => "it has no settings".to_owned(),
        _ => format!("its settings are {}", listed(names())),
    });
    let span = node.key.span.clone().into();
    let finding = Mistake::UnknownSetting { name: name.to_owned(), connector: connector.name.clone(), span, help };
    problems.push(&node.key.source, finding);
}

/// Secrets are not asked for: they do not stand in `[config]`, and Meltano may get them from its environment.
pub(super) fn required(draft: &Draft, connector: &Connector, config: &Settings, problems: &mut Problems) {
    let Some(place) = draft.connector.as_ref().map(|connector| &connector.place) else { return };
    let set = |name: &str| {
        let known = connector.setting(name);
        config.contains_key(name) || known.is_some_and(|setting| setting.secret || setting.default.is_some())
    };
    for setting in connector.settings.iter().filter(|setting| setting.required && !set(&setting.name)) {
        let example = setting.kind.wanted().1.to_owned();
        let span = place.span.clone().into();
        problems.push(&place.source, Mistake::MissingSetting { name: setting.name.clone(), example, span });
    }
    groups(connector, config, place, problems);
}

/// At least one group has to be set in full; of some connectors not more than one may be set at all.
fn groups(connector: &Connector, config: &Settings, place: &Place, problems: &mut Problems) {
    let set = |name: &String| config.contains_key(name);
    let given = |name: &String| set(name) || connector.setting(name).is_some_and(|s| s.secret || s.default.is_some());
    let span = || place.span.clone().into();
    let in_full = connector.groups.iter().any(|group| group.settings.iter().all(given));
    if !connector.groups.is_empty() && !in_full {
        let described = connector
            .groups
            .iter()
            .map(|group| format!("{} ({})", group.label, listed(group.settings.iter().map(String::as_str))));
        let groups = described.collect::<Vec<_>>().join(" or ");
        problems.push(&place.source, Mistake::Group { connector: connector.name.clone(), groups, span: span() });
    }
    let chosen: Vec<&str> = connector
        .groups
        .iter()
        .filter(|group| group.settings.iter().any(set))
        .map(|group| group.label.as_str())
        .collect();
    if connector.one_group && chosen.len() > 1 {
        let groups = listed(chosen.iter().copied());
        problems.push(&place.source, Mistake::OneGroup { connector: connector.name.clone(), groups, span: span() });
    }
}
