//! Checks drafts: a draft and its connector in, an [`Integration`] out, mistakes collected.

mod merging;
mod mistake;
mod settings;
mod shape;
mod timing;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexSet;

use super::choice::ChoicesDraft;
use super::{Declaration, Draft, Integration, Reaction, Schedule, SchemaRules, schedule, select};
use crate::connector::{Catalog, Connector, Role};
use crate::name::IntegrationId;
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::{Place, Placed};
use crate::value::expansion;
use merging::Overlaid;
use settings::{config, required, secrets};
use timing::{timing, without_schedule};

pub use mistake::IntegrationMistake;
pub use settings::{environment_variable, is_reference};
pub use values::{Certainty, SecretSighting, secret_in};

/// Whether a draft has to contain everything that is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It has to: missing settings are mistakes.
    Whole,
    /// It need not: overlays for every environment add what is missing.
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
    without_schedule(base, overlays, problems);
    let plugin = base.plugin.as_ref().and_then(|plugin| self::plugin(plugin, problems));
    let Some(connector) = connector(base, context.catalog, problems) else {
        std::iter::once(base).chain(overlays.iter().copied()).for_each(|draft| without_connector(draft, problems));
        return None;
    };
    let declared = declaration(base, &connector, context.base, problems);
    let mut by_environment = BTreeMap::new();
    for overlay in overlays {
        let draft = base.overlaid(overlay);
        Overlaid { base, draft: &draft }.check(&connector, problems);
        let declaration = declaration(&draft, &connector, Completeness::Whole, problems);
        by_environment.extend(overlay.environment.clone().map(|environment| (environment, declaration)));
    }
    let derived = || IntegrationId::derived(context.project, &base.slug);
    Some(Integration {
        id: base.id.as_ref().map_or_else(derived, |id| id.value),
        slug: base.slug.clone(),
        path: base.source.path().to_owned(),
        plugin,
        protect: base.protect.as_ref().is_some_and(|protect| protect.value),
        choices: base.choices.as_ref().map(|choices| choices.check(problems)).filter(|choices| !choices.is_empty()),
        base: declared,
        overlays: by_environment,
        connector,
    })
}

/// Checks what can be checked without a connector, which defines the settings and which of them are secret.
fn without_connector(draft: &Draft, problems: &mut Problems) {
    draft.config.values().for_each(|node| node.hide(problems));
    if let Some(written) = &draft.schedule {
        schedule(written, draft, problems);
    }
    timing(draft, problems);
    if let Some(patterns) = &draft.select {
        select(patterns, problems);
    }
}

fn overlay_keys(base: &Draft, overlay: &Draft, problems: &mut Problems) {
    let places = [
        ("id", overlay.id.as_ref().map(|id| &id.place)),
        ("type", overlay.connector.as_ref().map(|connector| &connector.place)),
        ("plugin", overlay.plugin.as_ref().map(|plugin| &plugin.place)),
        ("kind", overlay.role.as_ref().map(|role| &role.place)),
        ("protect", overlay.protect.as_ref().map(|protect| &protect.place)),
        (
            overlay.choices.as_ref().map_or("backfill", ChoicesDraft::key),
            overlay.choices.as_ref().map(|choices| &choices.place),
        ),
    ];
    for (key, place) in places {
        let Some(place) = place else { continue };
        let base = base.source.path().display().to_string();
        problems.push(&place.source, IntegrationMistake::OverlayKey { key, base, span: place.span.clone().into() });
    }
}

/// Checks a plugin name. Meltano accepts almost any name, but this one ends up in paths, state ids and tasks, where
/// blanks separate the parts.
fn plugin(written: &Placed<String>, problems: &mut Problems) -> Option<String> {
    let is_part = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\' | ':');
    let is_safe = !written.is_empty() && !written.starts_with('.') && !written.contains(is_part);
    if !is_safe {
        let span = written.place.span.clone().into();
        problems.push(&written.place.source, IntegrationMistake::Plugin { name: written.value.clone(), span });
    }
    is_safe.then(|| written.value.clone())
}

fn connector(draft: &Draft, catalog: &Catalog, problems: &mut Problems) -> Option<Arc<Connector>> {
    let role = draft.role.as_ref().map_or(Role::Extractor, |role| role.value);
    let Some(name) = &draft.connector else {
        let span = (0..0).into();
        let example = "\"salesforce\"";
        problems.push(&draft.source, crate::table::TomlMistake::MissingKey { key: "type".to_owned(), example, span });
        return None;
    };
    let found = catalog.find(role, name);
    if found.is_none() {
        let help = near_connector(draft, role, name, catalog);
        let span = name.place.span.clone().into();
        problems
            .push(&name.place.source, IntegrationMistake::UnknownType { role, name: name.value.clone(), span, help });
    }
    found
}

/// Returns a suggestion for a `type` that names no connector with that role.
fn near_connector(draft: &Draft, role: Role, name: &str, catalog: &Catalog) -> String {
    // If a loader and an extractor share a name, the loader's file may be called `NAME-loader.toml`, which makes that
    // its name.
    let by_role = format!("{name}-{role}");
    if catalog.names(role).any(|known| known == by_role) {
        return format!("did you mean `{by_role}`? To call it `{name}`, add `name = \"{name}\"` to its definition");
    }
    let choices = || format!("choose one from `spile connectors list`, or define the {role} in `connectors/`");
    let other = role.other();
    if catalog.names(other).any(|known| known == name) {
        let is = format!("`{name}` is {}", other.with_article());
        return match &draft.role {
            None => format!("{is}: add `kind = \"{other}\"`"),
            Some(_) => format!("{is}: write `kind = \"{other}\"` if you mean that one, or {}", choices()),
        };
    }
    did_you_mean(name, catalog.names(role)).unwrap_or_else(choices)
}

fn declaration(
    draft: &Draft,
    connector: &Connector,
    completeness: Completeness,
    problems: &mut Problems,
) -> Declaration {
    if connector.head.role == Role::Loader {
        loader_keys(draft, problems);
    }
    let name = draft.name.as_ref().map_or_else(|| draft.slug.to_string(), |name| name.value.clone());
    let config = config(draft, connector, problems);
    secrets(draft, connector, &config, problems);
    if completeness == Completeness::Whole {
        required(draft, connector, &config, problems);
    }
    if connector.head.role == Role::Extractor {
        selection(draft, connector, problems);
    }
    let metadata = draft.metadata.iter().flat_map(|metadata| &metadata.value);
    let metadata =
        metadata.map(|(key, rule)| (key.clone(), expansion::from_file(&rule.value(), &mut |_| ()))).collect();
    let loader = draft.loader.as_ref();
    Declaration {
        name,
        description: draft.description.as_ref().map(|description| description.value.clone()),
        enabled: draft.enabled.as_ref().is_none_or(|enabled| enabled.value),
        loader: loader.and_then(|loader| loader.parse().ok()),
        mappers: draft
            .mappers
            .iter()
            .flat_map(|names| &names.value)
            .filter_map(|name| plugin(name, problems))
            .collect(),
        load: draft.load.as_ref().map(super::load::LoadDraft::load).unwrap_or_default(),
        schema: schema(draft, connector, problems),
        schedule: draft.schedule.as_ref().and_then(|schedule| self::schedule(schedule, draft, problems)),
        timing: timing(draft, problems),
        select: match &draft.select {
            Some(patterns) => self::select(patterns, problems),
            None => connector.select.iter().cloned().collect(),
        },
        streams: draft.streams.as_ref().map(|streams| streams.value),
        batch: draft.batch.as_ref().map(|batch| batch.value),
        metadata,
        tags: draft.tags.iter().flat_map(|tags| &tags.value).map(|tag| tag.value.clone()).collect(),
        config,
        secrets: super::secrets::shared(draft),
    }
}

/// Rejects a selection that Meltano cannot pass to the tap. A run checks plugins that the user's template defines, and
/// connectors without capabilities.
fn selection(draft: &Draft, connector: &Connector, problems: &mut Problems) {
    if connector.can_select() || draft.plugin.is_some() || connector.plugin.capabilities.is_empty() {
        return;
    }
    let places = [
        ("select", draft.select.as_ref().map(|select| &select.place)),
        ("streams", draft.streams.as_ref().map(|streams| &streams.place)),
        ("metadata", draft.metadata.as_ref().map(|metadata| &metadata.place)),
    ];
    for (key, place) in places {
        let Some(place) = place else { continue };
        let connector = connector.head.name.clone();
        problems
            .push(&place.source, IntegrationMistake::NoSelection { key, connector, span: place.span.clone().into() });
    }
}

/// Returns how a run reacts to changes in the source. Rejects reactions that are impossible because the tap does not
/// support discovery or selection. A run checks plugins that the user's template defines.
fn schema(draft: &Draft, connector: &Connector, problems: &mut Problems) -> SchemaRules {
    let Some(schema) = &draft.schema else { return SchemaRules::default() };
    let can = &connector.plugin.capabilities;
    if connector.head.role == Role::Extractor && draft.plugin.is_none() && !can.is_empty() {
        let (ask, fail) = (schema.says(Reaction::Ask), schema.says(Reaction::Fail));
        let unasked = ask.or(fail).filter(|_| can.iter().all(|one| one != "discover"));
        let untold = ask.filter(|_| !connector.can_select());
        let name = || connector.head.name.clone();
        let span = |place: &Place| place.span.clone().into();
        match (unasked, untold) {
            (Some(place), _) => {
                problems.push(&place.source, IntegrationMistake::NoDiscovery { connector: name(), span: span(place) });
            }
            (None, Some(place)) => {
                problems
                    .push(&place.source, IntegrationMistake::NothingLeftOut { connector: name(), span: span(place) });
            }
            (None, None) => {}
        }
    }
    schema.rules()
}

fn loader_keys(draft: &Draft, problems: &mut Problems) {
    let places = [
        ("loader", draft.loader.as_ref().map(|loader| &loader.place)),
        ("mappers", draft.mappers.as_ref().map(|mappers| &mappers.place)),
        ("schedule", draft.schedule.as_ref().map(|schedule| &schedule.place)),
        ("timezone", draft.timezone.as_ref().map(|timezone| &timezone.place)),
        ("jitter", draft.jitter.as_ref().map(|jitter| &jitter.place)),
        ("catch_up", draft.catch_up.as_ref().map(|catch_up| &catch_up.place)),
        ("select", draft.select.as_ref().map(|select| &select.place)),
        ("load", draft.load.as_ref().map(|load| &load.place)),
        ("schema", draft.schema.as_ref().map(|schema| &schema.place)),
        ("metadata", draft.metadata.as_ref().map(|metadata| &metadata.place)),
    ];
    for (key, place) in places {
        let Some(place) = place else { continue };
        let slug = draft.slug.to_string();
        problems.push(&place.source, IntegrationMistake::LoaderKey { key, slug, span: place.span.clone().into() });
    }
}

fn schedule(written: &Placed<String>, draft: &Draft, problems: &mut Problems) -> Option<Schedule> {
    let span = || written.place.span.clone().into();
    if draft.loader.is_none() {
        problems.push(&written.place.source, IntegrationMistake::ScheduleWithoutLoader { span: span() });
    }
    match written.parse() {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            let presets = schedule::PRESETS;
            let help = did_you_mean(written, presets)
                .unwrap_or_else(|| format!("use five fields, like `0 6 * * 1-5`, or one of {}", listed(presets)));
            problems.push(
                &written.place.source,
                IntegrationMistake::Schedule { message: error.to_string(), span: span(), help },
            );
            None
        }
    }
}

fn select(patterns: &Placed<Vec<Placed<String>>>, problems: &mut Problems) -> IndexSet<String> {
    if patterns.value.is_empty() {
        let span = patterns.place.span.clone().into();
        problems.push(&patterns.place.source, IntegrationMistake::EmptySelection { span });
    }
    for pattern in &patterns.value {
        if let Some(fault) = select::fault(pattern) {
            let span = pattern.place.span.clone().into();
            let finding = IntegrationMistake::Select { pattern: pattern.value.clone(), fault, span };
            problems.push(&pattern.place.source, finding);
        }
    }
    canceled(&patterns.value, problems);
    // Patterns are compared with the real names of streams.
    let plain =
        |pattern: &Placed<String>| expansion::plain(pattern).map_or_else(|| pattern.value.clone(), Cow::into_owned);
    patterns.value.iter().map(plain).collect()
}

/// Finds patterns without effect, because another pattern excludes everything that they select.
fn canceled(patterns: &[Placed<String>], problems: &mut Problems) {
    let parsed = patterns.iter().filter(|pattern| select::fault(pattern).is_none());
    let parsed: Vec<_> = parsed.map(|written| (written, select::Pattern::parse(written))).collect();
    for (written, pattern) in &parsed {
        let Some((by, _)) = parsed.iter().find(|(_, other)| other.cancels(pattern)) else { continue };
        let finding = IntegrationMistake::CanceledSelect {
            pattern: written.value.clone(),
            by: by.value.clone(),
            span: written.place.span.clone().into(),
            by_span: by.place.span.clone().into(),
        };
        problems.push(&written.place.source, finding);
    }
}

/// Returns the name of an integration in commands: `shop`, `shop --env prod`.
fn named(draft: &Draft) -> String {
    match &draft.environment {
        Some(environment) => format!("{} --env {environment}", draft.slug),
        None => draft.slug.to_string(),
    }
}

#[cfg(test)]
mod tests;
