//! Checking drafts: a draft and its connector in, an [`Integration`] out, mistakes collected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use miette::{Diagnostic, SourceSpan};
use serde_json::Value;

use super::{Declaration, Draft, Integration, OpaquePlace, Schedule, schedule, select};
use crate::connector::{Catalog, Connector, Role, Setting};
use crate::name::IntegrationId;
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::{Place, Placed};
use crate::table::Node;
use crate::value::Settings;

/// What can be wrong with one integration beyond the form of its file.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Mistake {
    /// `type` names no connector.
    #[error("there is no {role} `{name}`")]
    #[diagnostic(code(spile::integration::unknown_type))]
    UnknownType {
        /// The role asked for.
        role: Role,
        /// What was written.
        name: String,
        /// Where.
        #[label("not in the catalog")]
        span: SourceSpan,
        /// The nearest connector, or where to look.
        #[help]
        help: String,
    },
    /// A setting that the connector does not have.
    #[error("unknown setting `{name}` for `{connector}`")]
    #[diagnostic(code(spile::settings::unknown))]
    UnknownSetting {
        /// The setting.
        name: String,
        /// The connector.
        connector: String,
        /// Where the setting stands.
        #[label("not a setting of `{connector}`")]
        span: SourceSpan,
        /// The nearest setting, or all.
        #[help]
        help: String,
    },
    /// A value that the setting does not take.
    #[error("`{name}` is {found}, not {wanted}")]
    #[diagnostic(code(spile::settings::wrong_kind))]
    WrongKind {
        /// The setting.
        name: String,
        /// What the value is.
        found: String,
        /// What the setting takes.
        wanted: &'static str,
        /// The value.
        #[label("{wanted} is wanted")]
        span: SourceSpan,
        /// The options, or a value that would do.
        #[help]
        help: String,
    },
    /// A secret in plain text.
    #[error("`{name}` is a secret and stands in plain text")]
    #[diagnostic(
        code(spile::secrets::plaintext),
        help(
            "remove it here, give the value to Meltano as the environment variable `{variable}`, and change it at its source if this file was ever shared"
        )
    )]
    PlainSecret {
        /// The setting.
        name: String,
        /// The environment variable that Meltano reads it from.
        variable: String,
        /// Where its key stands.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A setting that is always needed.
    #[error("the setting `{name}` is missing")]
    #[diagnostic(code(spile::settings::missing), help("add `{name} = {example}` under `[config]`"))]
    MissingSetting {
        /// The setting.
        name: String,
        /// A value that would do.
        example: String,
        /// Where the type is named.
        #[label("needs `{name}`")]
        span: SourceSpan,
    },
    /// None of the alternatives is set in full.
    #[error("no group of settings of `{connector}` is set in full")]
    #[diagnostic(code(spile::settings::group), help("set one of these in full: {groups}"))]
    Group {
        /// The connector.
        connector: String,
        /// The alternatives.
        groups: String,
        /// Where the type is named.
        #[label("needs one of its groups")]
        span: SourceSpan,
    },
    /// Two alternatives that exclude each other.
    #[error("{groups} of `{connector}` exclude each other")]
    #[diagnostic(code(spile::settings::one_group), help("keep the settings of one of them"))]
    OneGroup {
        /// The connector.
        connector: String,
        /// The alternatives that are set.
        groups: String,
        /// Where the type is named.
        #[label("takes one of them")]
        span: SourceSpan,
    },
    /// A key that integrations of that role do not have.
    #[error("`{key}` has no meaning for a loader")]
    #[diagnostic(
        code(spile::integration::loader_key),
        help("remove it; extractors name it, with `loader = \"{slug}\"`")
    )]
    LoaderKey {
        /// The key.
        key: &'static str,
        /// The loader.
        slug: String,
        /// Where the value stands.
        #[label("only for extractors")]
        span: SourceSpan,
    },
    /// A schedule that is none.
    #[error("{message}")]
    #[diagnostic(code(spile::integration::schedule))]
    Schedule {
        /// Why it is none.
        message: String,
        /// Where it stands.
        #[label("not a schedule")]
        span: SourceSpan,
        /// The nearest preset, or the form.
        #[help]
        help: String,
    },
    /// A schedule without a loader would never run.
    #[error("a schedule needs a loader")]
    #[diagnostic(
        code(spile::integration::schedule_without_loader),
        help("add `loader = \"SLUG\"`, or remove `schedule`")
    )]
    ScheduleWithoutLoader {
        /// The schedule.
        #[label("nothing to run")]
        span: SourceSpan,
    },
    /// A pattern that never matches.
    #[error("`{pattern}` selects nothing: {fault}")]
    #[diagnostic(
        code(spile::integration::select),
        help("write `stream.field`, such as `Account.*` or `!Contact.Phone`")
    )]
    Select {
        /// The pattern.
        pattern: String,
        /// Why.
        fault: &'static str,
        /// Where it stands.
        #[label("here")]
        span: SourceSpan,
    },
    /// An overlay says what only the base may say.
    #[error("`{key}` cannot differ between environments")]
    #[diagnostic(code(spile::integration::overlay_key), help("write it in `{base}`, or make another integration"))]
    OverlayKey {
        /// The key.
        key: &'static str,
        /// The base file.
        base: String,
        /// Where it stands.
        #[label("not in an overlay")]
        span: SourceSpan,
    },
}

/// Whether everything that is required has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It has to.
    Whole,
    /// Overlays for every environment add what is missing.
    Part,
}

/// What an integration is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The project's name, for derived ids.
    pub project: &'a str,
    /// All connectors.
    pub catalog: &'a Catalog,
    /// Whether the base alone has to be complete.
    pub base: Completeness,
}

/// Checks a base draft and its overlays.
pub fn integration(
    base: &Draft,
    overlays: &[&Draft],
    context: Context<'_>,
    problems: &mut Problems,
) -> Option<Integration> {
    for overlay in overlays {
        overlay_keys(base, overlay, problems);
    }
    let Some(connector) = connector(base, context.catalog, problems) else {
        // Without a connector nobody knows which of the values are secrets.
        let drafts = std::iter::once(base).chain(overlays.iter().copied());
        drafts.flat_map(|draft| draft.config.values()).for_each(|node| node.hide(problems));
        return None;
    };
    let declared = declaration(base, &connector, context.base, problems);
    let mut by_environment = BTreeMap::new();
    for overlay in overlays {
        let declaration = declaration(&base.overlaid(overlay), &connector, Completeness::Whole, problems);
        by_environment.extend(overlay.environment.clone().map(|environment| (environment, declaration)));
    }
    let derived = || IntegrationId::derived(context.project, &base.slug);
    Some(Integration {
        id: base.id.as_ref().map_or_else(derived, |id| id.value),
        slug: base.slug.clone(),
        path: base.source.path().to_owned(),
        protect: base.protect.as_ref().is_some_and(|protect| protect.value),
        base: declared,
        overlays: by_environment,
        connector,
    })
}

fn overlay_keys(base: &Draft, overlay: &Draft, problems: &mut Problems) {
    let places = [
        ("id", overlay.id.as_ref().map(|id| &id.place)),
        ("type", overlay.connector.as_ref().map(|connector| &connector.place)),
        ("kind", overlay.role.as_ref().map(|role| &role.place)),
        ("protect", overlay.protect.as_ref().map(|protect| &protect.place)),
    ];
    for (key, place) in places {
        let Some(place) = place else { continue };
        let base = base.source.path().display().to_string();
        problems.push(&place.source, Mistake::OverlayKey { key, base, span: place.span.clone().into() });
    }
}

fn connector(draft: &Draft, catalog: &Catalog, problems: &mut Problems) -> Option<Arc<Connector>> {
    let role = draft.role.as_ref().map_or(Role::Extractor, |role| role.value);
    let Some(name) = &draft.connector else {
        let span = (0..0).into();
        let example = "\"salesforce\"";
        problems.push(&draft.source, crate::table::Mistake::MissingKey { key: "type".to_owned(), example, span });
        return None;
    };
    let found = catalog.find(role, name);
    if found.is_none() {
        let other = if role == Role::Extractor { Role::Loader } else { Role::Extractor };
        let help = if catalog.names(other).any(|known| known == name.as_str()) {
            format!("`{}` is a {other}: add `kind = \"{other}\"`", name.value)
        } else {
            did_you_mean(name, catalog.names(role)).unwrap_or_else(|| {
                format!("choose one of {}, or define it in `connectors/`", listed(catalog.names(role)))
            })
        };
        let span = name.place.span.clone().into();
        problems.push(&name.place.source, Mistake::UnknownType { role, name: name.value.clone(), span, help });
    }
    found
}

fn declaration(
    draft: &Draft,
    connector: &Connector,
    completeness: Completeness,
    problems: &mut Problems,
) -> Declaration {
    if connector.role == Role::Loader {
        loader_keys(draft, problems);
    }
    let name = draft.name.as_ref().map_or_else(|| draft.slug.to_string(), |name| name.value.clone());
    let config = config(draft, connector, problems);
    if completeness == Completeness::Whole {
        required(draft, connector, &config, problems);
    }
    let metadata = match draft.metadata.as_ref().map(|metadata| &metadata.value) {
        Some(Value::Object(metadata)) => metadata.clone(),
        _ => serde_json::Map::new(),
    };
    let loader = draft.loader.as_ref();
    Declaration {
        name,
        description: draft.description.as_ref().map(|description| description.value.clone()),
        enabled: draft.enabled.as_ref().is_none_or(|enabled| enabled.value),
        loader: loader.and_then(|loader| loader.parse().ok()),
        loader_place: loader.map(|loader| OpaquePlace(loader.place.clone())),
        schedule: draft.schedule.as_ref().and_then(|schedule| self::schedule(schedule, draft, problems)),
        select: draft.select.as_ref().map(|patterns| self::select(patterns, problems)).unwrap_or_default(),
        metadata,
        tags: draft.tags.iter().flat_map(|tags| &tags.value).map(|tag| tag.value.clone()).collect(),
        config,
    }
}

fn loader_keys(draft: &Draft, problems: &mut Problems) {
    let places = [
        ("loader", draft.loader.as_ref().map(|loader| &loader.place)),
        ("schedule", draft.schedule.as_ref().map(|schedule| &schedule.place)),
        ("select", draft.select.as_ref().map(|select| &select.place)),
        ("metadata", draft.metadata.as_ref().map(|metadata| &metadata.place)),
    ];
    for (key, place) in places {
        let Some(place) = place else { continue };
        let slug = draft.slug.to_string();
        problems.push(&place.source, Mistake::LoaderKey { key, slug, span: place.span.clone().into() });
    }
}

fn schedule(written: &Placed<String>, draft: &Draft, problems: &mut Problems) -> Option<Schedule> {
    let span = || written.place.span.clone().into();
    if draft.loader.is_none() {
        problems.push(&written.place.source, Mistake::ScheduleWithoutLoader { span: span() });
    }
    match written.parse() {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let presets = schedule::PRESETS;
            let help = did_you_mean(written, presets)
                .unwrap_or_else(|| format!("write five fields, such as `0 6 * * 1-5`, or one of {}", listed(presets)));
            problems.push(&written.place.source, Mistake::Schedule { message: error.to_string(), span: span(), help });
            None
        }
    }
}

fn select(patterns: &Placed<Vec<Placed<String>>>, problems: &mut Problems) -> BTreeSet<String> {
    for pattern in &patterns.value {
        if let Some(fault) = select::fault(pattern) {
            let span = pattern.place.span.clone().into();
            let finding = Mistake::Select { pattern: pattern.value.clone(), fault, span };
            problems.push(&pattern.place.source, finding);
        }
    }
    patterns.value.iter().map(|pattern| pattern.value.clone()).collect()
}

fn config(draft: &Draft, connector: &Connector, problems: &mut Problems) -> Settings {
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
    let variable = environment_variable(&format!("{}--{}", connector.plugin.name, draft.slug), name);
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
        crate::connector::Kind::Options(choices) => {
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
fn required(draft: &Draft, connector: &Connector, config: &Settings, problems: &mut Problems) {
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
