//! `sync --dry-run`: what would be synced, and from where.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Options, chosen};
use crate::name::Slug;
use crate::ops::{Error, Loaded};
use crate::record::entry::state_id;
use crate::run::{RunKind, RunStatus};
use crate::world::World;

/// What a sync of an integration would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Would {
    /// The integration.
    pub slug: Slug,
    /// Where its records would go.
    pub loader: Option<Slug>,
    /// Under which id Meltano keeps its bookmarks.
    pub state_id: Option<String>,
    /// What the last sync left there, where it told.
    pub bookmark: Option<Value>,
    /// Whether something runs it now.
    pub is_running: bool,
}

/// Returns what a sync would do; starts nothing.
///
/// # Errors
/// As a sync, before it starts anything.
pub async fn would(world: &World, loaded: &Arc<Loaded>, options: &Options) -> Result<Vec<Would>, Error> {
    let mut all = Vec::new();
    for integration in chosen(world, loaded, (RunKind::Sync, options)).await? {
        let environment = &options.environment;
        let slug = integration.at(environment).loader.clone();
        let to = slug.as_ref().and_then(|slug| loaded.integrations.find(slug.as_str()));
        let state_id = to.map(|to| state_id(environment, &integration.plugin_name(), &to.plugin_name()));
        let known = world.runs.newest(Some(integration.id), 100).await?;
        let is_of = |run: &&crate::run::Run| run.state_id == state_id && run.bookmark_after.is_some();
        let bookmark = known.iter().find(is_of).and_then(|run| run.bookmark_after.clone());
        let is_running = known.iter().any(|run| run.kind == RunKind::Sync && run.status == RunStatus::Running);
        all.push(Would { slug: integration.slug.clone(), loader: slug, state_id, bookmark, is_running });
    }
    Ok(all)
}
