//! Downloads the hub's definitions, for use without a network.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;

use super::newer;
use crate::{Error, Event, Tell};
use spile_core::connector::{Head, Role};
use spile_core::definition::{self, Definition, Indexed};
use spile_core::digest::hash;
use spile_core::problem::Problems;
use spile_core::source::Source;
use spile_world::Project;
use spile_world::net::hub::{Hub, HubCache, HubError, HubResponse, Index, KeptPlugin};

/// How many definitions are requested at once. A hub may be a small server, or a static file host.
const AT_ONCE: usize = 8;

/// After this many requests without a response, no more are sent.
const ENOUGH: usize = 5;

/// The result of an update.
#[derive(Debug, Serialize)]
pub struct Updated {
    /// Where the hub's API is.
    pub hub: String,
    /// How many definitions the local copy has now.
    pub plugins: usize,
    /// Definitions that are new.
    pub added: BTreeSet<String>,
    /// Definitions that have changed.
    pub changed: BTreeSet<String>,
    /// Definitions that the hub no longer has.
    pub gone: BTreeSet<String>,
    /// Definitions that cannot become a connector, with the reason.
    pub refused: BTreeMap<String, String>,
    /// Definitions that could not be downloaded, with the reason. Their earlier versions stay.
    pub failed: BTreeMap<String, String>,
    /// Connectors of the project whose definition on the hub has changed since they were imported.
    pub upgradable: BTreeSet<String>,
}

/// A definition, with the hub's response.
type Came = (Indexed, Result<Option<HubResponse>, String>);

/// Downloads all definitions that have changed from the hub, and stores them.
///
/// # Errors
/// When the hub does not return its index, or nothing can be stored. The local copy then stays as it was.
pub async fn update(hub: &Hub, project: &Project, now: Timestamp, tell: Tell<'_>) -> Result<Updated, Error> {
    let kept = HubCache::of(&project.own_folder());
    let mut indexed = Vec::new();
    for role in [Role::Extractor, Role::Loader] {
        indexed.extend(index(hub, role).await?);
    }
    let before = known(hub, &kept)?;
    tell(Event::AskingHub { definitions: indexed.len() });
    let names: BTreeSet<Indexed> = indexed.iter().cloned().collect();
    let mut updated = Updated {
        hub: hub.root().to_owned(),
        plugins: 0,
        added: BTreeSet::new(),
        changed: BTreeSet::new(),
        gone: BTreeSet::new(),
        refused: BTreeMap::new(),
        failed: BTreeMap::new(),
        upgradable: BTreeSet::new(),
    };
    let mut plugins = Vec::new();
    for (plugin, came) in ask(hub, indexed, &before).await {
        plugins.extend(take(&kept, before.get(&plugin), plugin, came, &mut updated)?);
    }
    plugins.sort_by_key(KeptPlugin::indexed);
    let gone: Vec<Indexed> = before.keys().filter(|plugin| !names.contains(plugin)).cloned().collect();
    updated.gone = gone.iter().map(Indexed::name).collect();
    updated.plugins = plugins.len();
    let index = Index { hub: hub.root().to_owned(), updated_at: now, plugins };
    kept.keep_index(&index, &gone)?;
    updated.upgradable = newer::upgradable(project, &index);
    Ok(updated)
}

async fn index(hub: &Hub, role: Role) -> Result<Vec<Indexed>, Error> {
    let text = hub.index(role).await?;
    let mut problems = Problems::default();
    let source = Source::new(format!("{}/plugins/{}/index", hub.root(), role.plural()), text);
    definition::index(&source, role, &mut problems).ok_or_else(|| Error::Problems(problems.into_report()))
}

/// Returns the complete definitions of the same hub in the local copy.
fn known(hub: &Hub, kept: &HubCache) -> Result<BTreeMap<Indexed, KeptPlugin>, Error> {
    let mut known = BTreeMap::new();
    let index = kept.index()?.filter(|index| index.hub == hub.root());
    for plugin in index.map(|index| index.plugins).unwrap_or_default() {
        if kept.definition(&plugin)?.is_some() {
            known.insert(plugin.indexed(), plugin);
        }
    }
    Ok(known)
}

/// Requests definitions, several at a time, until too many requests fail.
async fn ask(hub: &Hub, plugins: Vec<Indexed>, before: &BTreeMap<Indexed, KeptPlugin>) -> Vec<Came> {
    let mut came: Vec<Came> = Vec::with_capacity(plugins.len());
    let mut left = plugins.into_iter();
    let mut asked = JoinSet::new();
    let mut failures = 0;
    loop {
        while asked.len() < AT_ONCE && failures < ENOUGH {
            let Some(plugin) = left.next() else { break };
            let (hub, etag) = (hub.clone(), before.get(&plugin).and_then(|known| known.etag.clone()));
            asked.spawn(async move {
                let answer = hub.definition(&plugin, etag.as_deref()).await;
                (plugin, answer)
            });
        }
        let Some(answer) = asked.join_next().await else { break };
        // A task fails only if it is aborted or panics, and these are not aborted.
        let Ok(answer) = answer else { continue };
        let (plugin, answer) = answer;
        failures += usize::from(matches!(answer, Err(HubError::Unreached { .. })));
        came.push((plugin, answer.map_err(|error| error.to_string())));
    }
    let missing = |plugin| (plugin, Err("it was skipped because the hub stopped responding".to_owned()));
    came.extend(left.map(missing));
    came
}

/// Stores the response for one definition.
fn take(
    kept: &HubCache,
    before: Option<&KeptPlugin>,
    plugin: Indexed,
    came: Result<Option<HubResponse>, String>,
    updated: &mut Updated,
) -> Result<Option<KeptPlugin>, Error> {
    let name = plugin.name();
    let answer = match came {
        Ok(Some(answer)) => answer,
        Ok(None) => return Ok(before.cloned().map(|before| KeptPlugin { is_default: plugin.is_default, ..before })),
        Err(why) => {
            updated.failed.insert(name, why);
            return Ok(before.cloned());
        }
    };
    let sha256 = hash(answer.text.as_bytes());
    let head = match read(&plugin, &answer.text) {
        Ok(head) => head,
        Err(why) => {
            updated.refused.insert(name, why);
            return Ok(None);
        }
    };
    match before {
        None => drop(updated.added.insert(name)),
        Some(before) if before.sha256 != sha256 => drop(updated.changed.insert(name)),
        Some(_) => {}
    }
    kept.keep(&plugin, &answer.text)?;
    let Head { label, description, category, keywords, .. } = head;
    let Indexed { role, plugin, variant, is_default } = plugin;
    let etag = answer.etag;
    Ok(Some(KeptPlugin {
        kind: role,
        plugin,
        variant,
        is_default,
        etag,
        sha256,
        label,
        description,
        category,
        keywords,
    }))
}

/// Reads a definition like `connectors import`, and returns what a search needs.
fn read(plugin: &Indexed, text: &str) -> Result<Head, String> {
    let mut problems = Problems::default();
    let asked = definition::DefinitionHints { role: Some(plugin.role), ..definition::DefinitionHints::default() };
    let found = definition::read(&Source::new(plugin.name(), text), &asked, &mut problems);
    let report = problems.into_report();
    match (found, report.problems().first()) {
        (Some(Definition { connector, .. }), None) => Ok(connector.head),
        (_, Some(problem)) => Err(problem.message().to_string()),
        (None, None) => Err("the definition is empty".to_owned()),
    }
}
