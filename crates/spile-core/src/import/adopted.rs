//! Adopted plugins: those that become integrations, with the contents of their files.

use std::collections::{BTreeMap, BTreeSet};

use super::ascii::ascii;
use super::inventory::{Environment, Inventory, Plugin, is_all_managed, is_plain};
use super::part::{Part, Why, head};
use super::plugin_key::PluginKey;
use crate::connector::Role;
use crate::name::{EnvironmentName, IntegrationId, Slug};
use crate::render::steps::{More, Run};
use crate::yaml::edit::line_end;
use crate::yaml::{Document, Node};

/// A plugin that becomes an integration.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// The plugin.
    pub key: PluginKey,
    /// Where its item starts.
    pub at: usize,
    /// The name of its file.
    pub slug: Slug,
    /// Its integration id from before the import, if it had one.
    pub id: Option<IntegrationId>,
    /// The plugins that it inherits from, nearest first, as far as they are in the file.
    pub ancestors: Vec<PluginKey>,
    /// The name of its connector.
    pub connector: String,
    /// The loader that its records go to, if that is clear.
    pub loader: Option<Slug>,
    /// The mappers that its records go through.
    pub mappers: Vec<String>,
    /// Why it has no loader: jobs run it in a way that a run of spile does not support.
    pub more: Option<More>,
    /// The settings that were only declared by a key without a value.
    pub declared: Vec<String>,
    /// The part for all environments.
    pub base: Part,
    /// The differences in environments.
    pub overlays: BTreeMap<EnvironmentName, Part>,
}

/// The plugins that stay as they are, with the reasons.
pub type LeftAlone = BTreeMap<PluginKey, Why>;

/// Adopts the plugins of a file that can become integrations. Collects those that stay unchanged in `left`.
#[must_use]
pub fn adopted(document: &Document<'_>, found: &Inventory<'_>, left: &mut LeftAlone) -> Vec<Adopted> {
    let mut adopted = Vec::new();
    for plugin in found.plugins.iter().filter(|plugin| !plugin.is_shadowed) {
        if left.contains_key(&plugin.key) || is_only_a_base(document, found, plugin) {
            continue;
        }
        match one(document, found, plugin) {
            Ok(one) => adopted.push(one),
            Err(why) => drop(left.insert(plugin.key.clone(), why)),
        }
    }
    named(&mut adopted, found);
    loaders(&mut adopted, found);
    adopted
}

fn one(document: &Document<'_>, found: &Inventory<'_>, plugin: &Plugin<'_>) -> Result<Adopted, Why> {
    let why = |what: &str| Why { what: what.to_owned(), at: plugin.item.span.start };
    let name = &plugin.key.name;
    if !plugin.is_plain() {
        return Err(why("its name comes from an alias or a merge key"));
    }
    let is_part = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\');
    if name.starts_with('.') || name.contains(is_part) {
        return Err(why("its name starts with a dot, or contains a space or a slash"));
    }
    let mut overlays = BTreeMap::new();
    for environment in found.environments.iter().filter(|environment| !environment.is_shadowed) {
        // An environment with a name that spile does not support stays where it is, and overrides the plugin.
        let Ok(named) = environment.name.parse::<EnvironmentName>() else { continue };
        let Some(part) = overlay(document, environment, &plugin.key)? else { continue };
        overlays.insert(named, part);
    }
    // An overlay with only valueless keys becomes no file, but must be reported.
    overlays.retain(|_, part| !part.is_empty() || !part.valueless.is_empty());
    let mut base = Part::read(document, plugin.item)?;
    // Meltano treats an empty `metadata` as a value, so it would override the rules of a parent or an environment.
    if plugin.parent().is_some() || overlays.values().any(|over| !over.metadata.is_empty()) {
        base = base.with_rules()?;
    }
    let schemas = overlays.values().chain([&base]).find_map(|part| part.load_schema.as_ref());
    if let Some(schema) = schemas.filter(|_| plugin.key.role == Role::Loader) {
        return Err(Why { what: "it is a loader with a `load_schema`".to_owned(), at: schema.at });
    }
    Ok(Adopted {
        key: plugin.key.clone(),
        at: plugin.item.span.start,
        slug: slug(name).ok_or_else(|| why("its name has no letter or digit"))?,
        id: plugin.value["annotations"]["spile"]["id"].as_str().and_then(|id| id.parse().ok()),
        ancestors: ancestors(found, plugin),
        connector: String::new(),
        loader: None,
        mappers: Vec::new(),
        more: None,
        declared: Vec::new(),
        base,
        overlays,
    })
}

/// Reads an environment's overlay of a plugin.
fn overlay(document: &Document<'_>, environment: &Environment<'_>, key: &PluginKey) -> Result<Option<Part>, Why> {
    let list: Vec<_> = environment.items(key.role).collect();
    let is_named = |item: &&Node| item.get("name").and_then(Node::text) == Some(&key.name);
    let Some(index) = list.iter().position(is_named) else { return Ok(None) };
    let item = list[index];
    if list[index + 1..].iter().any(is_named) || !is_plain(item) {
        return Err(Why { what: "an environment defines it twice, or with an alias".to_owned(), at: item.span.start });
    }
    let mut part = Part::read(document, item)?.with_rules()?;
    if is_all_managed(item) {
        let plugins = environment.item.at(&["config", "plugins"]);
        let key = plugins.and_then(|plugins| plugins.pair(key.role.plural())).map_or(0, |pair| pair.key.span.end);
        let before = index.checked_sub(1).map_or(key, |before| list[before].span.end);
        part.head = head(document, line_end(document.text, before), item);
    }
    Ok(Some(part))
}

/// Tells whether a plugin only exists for others to inherit from: it sets nothing and is not used. Then it is a
/// definition, not an integration.
fn is_only_a_base(document: &Document<'_>, found: &Inventory<'_>, plugin: &Plugin<'_>) -> bool {
    let is_parent = found.parents.contains(&plugin.key);
    // A `load_schema` does not count, because it is for the plugins that inherit it.
    let says_nothing =
        || Part::read(document, plugin.item).is_ok_and(|part| Part { load_schema: None, ..part }.is_empty());
    let is_overlaid = || {
        let name = Some(plugin.key.name.as_str());
        let mut items = found.environments.iter().flat_map(|environment| environment.items(plugin.key.role));
        items.any(|item| item.get("name").and_then(Node::text) == name)
    };
    is_parent && !found.used.contains(&plugin.key.name) && says_nothing() && !is_overlaid()
}

fn ancestors(found: &Inventory<'_>, plugin: &Plugin<'_>) -> Vec<PluginKey> {
    let mut ancestors: Vec<PluginKey> = Vec::new();
    let mut next = plugin.parent();
    while let Some(key) = next.filter(|key| *key != plugin.key && !ancestors.contains(key)) {
        next = found.plugin(&key).and_then(Plugin::parent);
        ancestors.push(key);
    }
    ancestors
}

/// Returns a file name for a plugin's name: lower-case letters, digits and dashes.
fn slug(name: &str) -> Option<Slug> {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    ascii(name).chars().map(letter).collect::<String>().trim_start_matches('-').parse().ok()
}

/// Gives each plugin a unique name. Names of jobs are avoided, because such a job would be mistaken for one that spile
/// created.
fn named(adopted: &mut [Adopted], found: &Inventory<'_>) {
    let mut taken: BTreeSet<String> = found.jobs.clone();
    for one in adopted {
        let stem = one.slug.to_string();
        let names = std::iter::once(stem.clone())
            .chain([format!("{stem}-{}", one.key.role)])
            .chain((2..).map(|number| format!("{stem}-{number}")));
        let free = names.into_iter().find(|name| !taken.contains(name)).and_then(|name| name.parse().ok());
        one.slug = free.unwrap_or_else(|| one.slug.clone());
        taken.insert(one.slug.to_string());
    }
}

/// Finds the loader and the mappers of each extractor, if its jobs run it in a way that spile supports. An extractor
/// without jobs gets the only loader, if there is just one.
fn loaders(adopted: &mut [Adopted], found: &Inventory<'_>) {
    let is_loader = |one: &&Adopted| one.key.role == Role::Loader;
    let loaders: BTreeMap<String, Slug> =
        adopted.iter().filter(is_loader).map(|one| (one.key.name.clone(), one.slug.clone())).collect();
    for one in adopted.iter_mut().filter(|one| !is_loader(&&**one)) {
        match Run::of(&found.steps, &one.key.name) {
            Run::Never if loaders.len() == 1 => one.loader = loaders.values().next().cloned(),
            Run::Never => {}
            // If its loader stays in the template, it gets none.
            Run::As(pair) => {
                one.loader = loaders.get(&pair.loader).cloned();
                one.mappers = if one.loader.is_some() { pair.mappers } else { Vec::new() };
            }
            Run::Otherwise(more) => one.more = Some(more),
        }
    }
}
