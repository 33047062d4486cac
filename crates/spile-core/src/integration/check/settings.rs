//! Checks `[config]` against the settings of a connector: kinds, options, secrets, required groups.

use serde_json::Value;

use super::shape::Shape;
use super::{Draft, IntegrationMistake, named, values};
use crate::connector::{Connector, Group, Kind, Role, Setting};
use crate::integration::secrets::SecretsMistake as SecretMistake;
use crate::name::{SettingName, Slug};
use crate::problem::{Problems, did_you_mean, listed};
use crate::sops;
use crate::source::{Place, Placed};
use crate::table::Node;
use crate::toml_text;
use crate::value::{Settings, expansion, sorted};

/// Whether messages may quote strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    Open,
    Secret,
}

pub(super) fn config(draft: &Draft, connector: &Connector, problems: &mut Problems) -> Settings {
    let mut config = Settings::new();
    for (name, node) in &draft.config {
        let mut found = Vec::new();
        flatten(connector, name, node, &mut found);
        for (name, node) in found {
            let is_secret = connector.setting(&name).is_some_and(|setting| setting.secret);
            let texts = if is_secret { Texts::Secret } else { Texts::Open };
            let mut value = in_meltanos_form(&name, node, texts, problems);
            match connector.setting(&name) {
                Some(setting) if setting.secret && !value.as_str().is_some_and(holds_nothing) => {
                    plain_secret(draft, &name, node, problems);
                }
                Some(setting) => {
                    fits(setting, &value, problems);
                    if setting.kind == Kind::Object {
                        inner_settings(connector, setting, node, problems);
                    }
                    values::check(draft, setting, node, problems);
                    // An imported plugin gets what it got before.
                    if draft.plugin.is_none() {
                        value.value = setting.kind.completed(value.value);
                    }
                }
                None => unknown(connector, &name, node, problems),
            }
            config.insert(name, value.value);
        }
    }
    sorted(config)
}

/// Reports members of a setting that do not fit settings which the connector defines inside it: `maps` and `maps.users`.
fn inner_settings(connector: &Connector, setting: &Setting, node: &Node, problems: &mut Problems) {
    let Shape::Table(members) = Shape::of(node) else { return };
    let inner = connector.settings.iter().filter(|inner| SettingName::new(&inner.name).is_within(&setting.name));
    for inner in inner {
        let rest = inner.name.get(setting.name.len() + 1..).unwrap_or_default();
        let parts: Vec<&str> = SettingName::new(rest).parts().collect();
        let (mut members, mut path) = (members, setting.name.clone());
        for (index, part) in parts.iter().enumerate() {
            let Some(member) = members.get(*part) else { break };
            path = format!("{path}.{}", toml_text::key(part));
            let is_last = index + 1 == parts.len();
            match Shape::of(member) {
                _ if is_last => fits(inner, &member.placed(), problems),
                Shape::Table(inside) => {
                    members = inside;
                    continue;
                }
                shape @ (Shape::Reference | Shape::Leaf(_)) if inner.default.is_some() => {
                    let (name, inner, found) = (path.clone(), inner.name.clone(), shape.words());
                    let span = member.key.span.clone().into();
                    problems.push(&member.key.source, IntegrationMistake::AroundSetting { name, found, inner, span });
                }
                Shape::EmptyTable | Shape::Reference | Shape::Leaf(_) => {}
            }
            break;
        }
    }
}

/// Returns a value as Meltano reads it. Warns about strings with a variable that looks as if it were expanded.
fn in_meltanos_form(name: &str, node: &Node, of: Texts, problems: &mut Problems) -> Placed<Value> {
    let written = node.placed();
    let mut variables = Vec::new();
    let value = expansion::from_file(&written.value, &mut |text| {
        variables.extend(expansion::variables(text).next().map(str::to_owned));
    });
    for variable in variables.into_iter().take(1).filter(|_| of == Texts::Open) {
        let span = written.place.span.clone().into();
        problems
            .push(&written.place.source, IntegrationMistake::LiteralVariable { name: name.to_owned(), variable, span });
    }
    Placed { value, place: written.place }
}

/// Flattens `[config.local] folders = []` into `local.folders` if the connector has such a setting.
fn flatten<'a>(connector: &Connector, name: &str, node: &'a Node, found: &mut Vec<(String, &'a Node)>) {
    let prefix = format!("{name}.");
    let nested =
        connector.setting(name).is_none() && connector.settings.iter().any(|setting| setting.name.starts_with(&prefix));
    match node.members() {
        Some(members) if nested && expansion::of_table(&node.value()).is_none() => {
            for (key, member) in members {
                flatten(connector, &format!("{prefix}{key}"), member, found);
            }
        }
        _ => found.push((name.to_owned(), node)),
    }
}

fn plain_secret(draft: &Draft, name: &str, node: &Node, problems: &mut Problems) {
    node.hide(problems);
    let (name, slug) = (name.to_owned(), named(draft));
    let span = node.key.span.clone().into();
    problems.push(&node.key.source, IntegrationMistake::PlainSecret { name, slug, span });
}

/// Tells whether a secret setting's value is harmless: empty, or a reference to a variable.
fn holds_nothing(text: &str) -> bool {
    text.is_empty() || is_reference(text)
}

/// Tells whether a value consists of a reference to an environment variable that Meltano expands: `$NAME`, `${NAME}`.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    expansion::reference(text).is_some()
}

/// Checks that every secret is a setting, and is set only once.
pub(super) fn secrets(draft: &Draft, connector: &Connector, config: &Settings, problems: &mut Problems) {
    let Some(secrets) = &draft.secrets else { return };
    let kinds = secrets.kinds();
    let has_age = secrets.document.metadata.age().is_ok_and(|age| !age.is_empty());
    for (name, place) in &secrets.keys {
        let span = place.span.clone().into();
        match connector.setting(name) {
            Some(_) if config.contains_key(name) => {
                problems.push(&place.source, IntegrationMistake::SetTwice { name: name.clone(), span });
            }
            Some(setting) if setting.secret && secrets.plain.contains(name) => {
                problems.hide(&place.source.place(0..place.source.text().len()));
                problems.push(&place.source, SecretMistake::SidecarPlain { name: name.clone(), span });
            }
            Some(setting) => {
                if !has_age && is_rotating(name) && connector.head.role == Role::Extractor {
                    let (name, slug, span) = (name.clone(), named(draft), place.span.clone().into());
                    problems.push(&place.source, SecretMistake::NoAge { name, slug, span });
                }
                if let Some(what) = kinds.get(name).and_then(|kind| no_text(setting, *kind)) {
                    let (name, slug) = (name.clone(), named(draft));
                    problems.push(&place.source, SecretMistake::NotWrittenAsText { name, what, slug, span });
                }
            }
            None => unknown_name(connector, name, place, problems),
        }
    }
}

/// Tells whether a setting takes a token that many sources replace in each run.
fn is_rotating(name: &str) -> bool {
    SettingName::new(name).parts().last().is_some_and(|part| part.ends_with("refresh_token"))
}

/// Returns the type that a secret was encrypted as; `None` if it fits its setting. Only settings that take strings are
/// checked.
fn no_text(setting: &Setting, kind: sops::PlainKind) -> Option<&'static str> {
    if !matches!(setting.kind, Kind::String | Kind::Email | Kind::File) {
        return None;
    }
    match kind {
        sops::PlainKind::Int => Some("a whole number"),
        sops::PlainKind::Float => Some("a number"),
        sops::PlainKind::Bool => Some("`true` or `false`"),
        sops::PlainKind::Time => Some("a time"),
        sops::PlainKind::Str | sops::PlainKind::Bytes | sops::PlainKind::Comment => None,
    }
}

/// Returns the environment variable from which Meltano reads a setting of a plugin: in upper case, with an underscore
/// for everything that is not a letter or digit.
#[must_use]
pub fn environment_variable(plugin: &str, setting: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{plugin}_{setting}").chars().map(letter).collect()
}

pub(super) fn fits(setting: &Setting, value: &Placed<Value>, problems: &mut Problems) {
    // The value of a variable is not known here.
    if value.as_str().is_some_and(expansion::has_variable) {
        return;
    }
    let Err(found) = setting.check(value) else { return };
    let (wanted, example) = setting.wanted();
    let words = setting.kind.option_words();
    let names = || words.iter().map(String::as_str);
    let help = if words.is_empty() {
        format!("use {wanted}, for example `{} = {example}`", setting.name)
    } else {
        let near = value.as_str().and_then(|text| did_you_mean(text, names()));
        near.unwrap_or_else(|| format!("choose one of {}", listed(names())))
    };
    let span = value.place.span.clone().into();
    problems.push(
        &value.place.source,
        IntegrationMistake::WrongKind { name: setting.name.clone(), found, wanted, span, help },
    );
}

/// Reports an unknown setting and hides its value, which may be a secret with a misspelled name.
fn unknown(connector: &Connector, name: &str, node: &Node, problems: &mut Problems) {
    node.hide(problems);
    unknown_name(connector, name, &node.key, problems);
}

fn unknown_name(connector: &Connector, name: &str, key: &Place, problems: &mut Problems) {
    let names = || connector.settings.iter().map(|setting| setting.name.as_str());
    let help = did_you_mean(name, names()).unwrap_or_else(|| match connector.settings.as_slice() {
        [] => "it has no settings".to_owned(),
        _ => format!("its settings are {}", listed(names())),
    });
    let span = key.span.clone().into();
    let finding = IntegrationMistake::UnknownSetting {
        name: name.to_owned(),
        connector: connector.head.name.clone(),
        span,
        help,
    };
    problems.push(&key.source, finding);
}

/// Reports required settings that are neither configured nor among the secrets.
pub(super) fn required(draft: &Draft, connector: &Connector, config: &Settings, problems: &mut Problems) {
    let Some(place) = draft.connector.as_ref().map(|connector| &connector.place) else { return };
    let is_sealed = |name: &str| draft.secrets.iter().flat_map(|secrets| &secrets.keys).any(|(known, _)| known == name);
    let is_set = |name: &str| config.contains_key(name) || is_sealed(name);
    let has_default = |name: &str| connector.setting(name).is_some_and(|setting| setting.default.is_some());
    for setting in connector.settings.iter().filter(|setting| setting.required) {
        if is_set(&setting.name) || has_default(&setting.name) {
            continue;
        }
        let name = setting.name.clone();
        let words = setting.kind.option_words();
        let help = if setting.secret {
            format!("run `spile secrets set {} {name}`", draft.slug)
        } else if words.is_empty() {
            format!("add `{name} = {}` under `[config]`", setting.wanted().1)
        } else {
            let options = listed(words.iter().map(String::as_str));
            format!("add `{name}` under `[config]`, set to one of {options}")
        };
        let span = place.span.clone().into();
        problems.push(&place.source, IntegrationMistake::MissingSetting { name, span, help });
    }
    let given = SetNames { is_set: &is_set, has_default: &has_default };
    groups(connector, &draft.slug, &given, place, problems);
}

/// Which settings have a value, by name.
struct SetNames<'a> {
    is_set: &'a dyn Fn(&str) -> bool,
    has_default: &'a dyn Fn(&str) -> bool,
}

/// Checks that at least one group is set in full, and for some connectors that only one is set at all.
fn groups(connector: &Connector, slug: &Slug, given: &SetNames<'_>, place: &Place, problems: &mut Problems) {
    let SetNames { is_set, has_default } = given;
    let given = |name: &str| is_set(name) || has_default(name);
    let span = || place.span.clone().into();
    if !connector.has_a_group(given) {
        let described = |group: &Group| {
            let missing = group.settings.iter().filter(|name| !given(name)).map(String::as_str);
            let is_begun = group.settings.iter().any(|name| is_set(name));
            let lacks = if is_begun { "missing" } else { "needs" };
            format!("{} ({lacks} {})", group.label, listed(missing))
        };
        let mut help =
            format!("set all of {}", connector.groups.iter().map(described).collect::<Vec<_>>().join(" or "));
        // Suggests a secret of the group that was begun, if any, because the user does not want the others.
        let is_begun = |group: &&Group| group.settings.iter().any(|name| is_set(name));
        let wanted = connector.groups.iter().find(is_begun).or(connector.groups.first());
        let is_secret = |name: &&String| connector.setting(name).is_some_and(|setting| setting.secret) && !given(name);
        if let Some(secret) = wanted.and_then(|group| group.settings.iter().find(is_secret)) {
            help = format!("{help}; set secrets with `spile secrets set {slug} {secret}`");
        }
        problems.push(
            &place.source,
            IntegrationMistake::Group { connector: connector.head.name.clone(), help, span: span() },
        );
    }
    let chosen: Vec<&str> = connector
        .groups
        .iter()
        .filter(|group| group.settings.iter().any(|name| is_set(name)))
        .map(|group| group.label.as_str())
        .collect();
    if connector.one_group && chosen.len() > 1 {
        let groups = listed(chosen.iter().copied());
        problems.push(
            &place.source,
            IntegrationMistake::OneGroup { connector: connector.head.name.clone(), groups, span: span() },
        );
    }
}
