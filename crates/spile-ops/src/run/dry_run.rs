//! `sync --dry-run`: shows what would be synced, and from which bookmark.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::bookmarks::{Pipeline, backend};
use super::{From, OldRows, Options, chosen};
use crate::invocation::project_file;
use crate::{Error, Loaded};
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::record::entry::state_id;
use spile_core::run::refresh::{self, RefreshRemains};
use spile_core::run::{RunKind, RunStatus, StreamFilter};
use spile_core::state::SingerState;
use spile_world::processes::meltano::Backend;
use spile_world::stores::state_changes::StateChanges;
use spile_world::{TargetError, World};

/// What a sync of an integration would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Would {
    /// The integration.
    pub slug: Slug,
    /// The loader that its records would go to.
    pub loader: Option<Slug>,
    /// The id under which Meltano stores its bookmarks.
    pub state_id: Option<String>,
    /// The stored bookmark, if the backend can be read from here, or else the bookmark that the last sync reported, if any.
    pub bookmark: Option<Value>,
    /// The last run of the unfinished full refresh that the sync would continue.
    pub unfinished_refresh: Option<Uuid>,
    /// Which streams it would read, and which of them from their beginning.
    #[serde(skip_serializing_if = "StreamFilter::is_default")]
    pub streams: StreamFilter,
    /// Whether it would read everything from the beginning, or from a date on, whatever the bookmark says.
    pub starts_over: bool,
    /// What becomes of rows that are no longer in the source.
    pub old_rows: OldRows,
    /// Whether its tap keeps no bookmarks, so that the sync reads everything again.
    pub forgets: bool,
    /// Whether a sync of it is running now.
    pub is_running: bool,
}

/// Returns what a sync would do. Starts nothing.
///
/// # Errors
/// The same as for a sync, before it starts anything.
pub async fn would(world: &World, loaded: &Arc<Loaded>, options: &Options) -> Result<Vec<Would>, Error> {
    let mut all = Vec::new();
    for integration in chosen(world, loaded, RunKind::Sync, options).await? {
        let environment = &options.environment;
        let slug = integration.at(environment).loader.clone();
        let to = slug.as_ref().and_then(|slug| loaded.integrations.find(slug.as_str()));
        let state_id = to.map(|to| state_id(environment, &integration.plugin_name(), &to.plugin_name()));
        let mut known = world.runs.newest_live(integration.id, 100).await?;
        let is_running = known.iter().any(|run| run.kind == RunKind::Sync && run.status == RunStatus::Running);
        let pipeline =
            Pipeline { extractor: &integration, environment, loader: to.map(|to| to.id), id: state_id.as_deref() };
        // The sync begins by moving the bookmarks that are stored under earlier names.
        let ids = [pipeline.renamed_from(known.iter()), state_id.clone()];
        // What runs before a change by hand began with and left counts no more.
        if let Some(changed) = StateChanges::of(world).last(integration.id, environment).await? {
            known.retain(|run| run.started_at > changed);
        }
        let mut bookmark = None;
        for (id, to) in ids.iter().flatten().filter_map(|id| Some((id, to?))) {
            if bookmark.is_none() {
                let told =
                    || known.iter().find(|run| run.state_id.as_ref() == Some(id) && run.bookmark_after.is_some());
                let kept = kept(world, loaded, options, id, [&integration, to]).await?;
                bookmark = kept.map_or_else(|| told()?.bookmark_after.clone(), |kept| kept.bookmark);
            }
        }
        let unfinished = refresh::unfinished(&known, to.map(|to| to.id), Uuid::nil());
        let unfinished = unfinished.filter(|_| options.from == From::Bookmark);
        let starts_over = unfinished.is_some_and(|unfinished| unfinished.left == RefreshRemains::Nothing);
        let starts_over = starts_over || options.from != From::Bookmark;
        // If a tap keeps no bookmarks, Meltano may have a state for it, but never passes it to the tap.
        let forgets = integration.forgets();
        let bookmark = bookmark.filter(|_| !starts_over && !forgets);
        let unfinished_refresh = unfinished.map(|unfinished| unfinished.run);
        all.push(Would {
            slug: integration.slug.clone(),
            loader: slug,
            state_id,
            bookmark,
            unfinished_refresh,
            streams: options.streams.clone(),
            starts_over: options.from != From::Bookmark,
            old_rows: options.old_rows,
            forgets,
            is_running,
        });
    }
    Ok(all)
}

/// The content of a backend that can be read from here.
struct BackendState {
    bookmark: Option<Value>,
}

/// Returns the state in the registry, or in Meltano's own database on this machine. Returns `None` if only the last run's
/// report is known.
async fn kept(
    world: &World,
    loaded: &Loaded,
    options: &Options,
    id: &str,
    those: [&Arc<Integration>; 2],
) -> Result<Option<BackendState>, Error> {
    let those = loaded.integrations.filtered(|one| those.iter().any(|wanted| wanted.id == one.id));
    let project_file = project_file(world.project.root(), loaded, &those)?;
    let state = match (backend(world, &project_file, &options.host)?, &world.supabase) {
        (Backend::Registry, Some(registry)) => {
            let Some(kept) = registry.state(id).await.map_err(TargetError::from)? else { return Ok(None) };
            kept.state
        }
        (Backend::Local, _) => match world.meltano.local_state(id)? {
            Some(state) => Some(state),
            None => return Ok(None),
        },
        (Backend::Registry | Backend::At(_) | Backend::Theirs, _) => return Ok(None),
    };
    Ok(Some(BackendState { bookmark: state.as_deref().and_then(given) }))
}

/// Returns the Singer state that a tap would be given; what cannot be read is none.
fn given(state: &str) -> Option<Value> {
    SingerState::of_stored(state).ok().flatten().map(|state| state.json().to_value())
}
