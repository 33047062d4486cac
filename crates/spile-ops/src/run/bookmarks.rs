//! Where a sync continues: its stored bookmarks, and other places that have bookmarks.
//!
//! A sync never starts from nothing if bookmarks exist somewhere. The registry copies them from a machine or an earlier
//! run. For any other backend, Meltano gets what would be missing there.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::From;
use super::job::{Job, is_state_of};
use crate::{Error, Event};
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::run::{Run, RunKind};
use spile_world::files::io_error::IoError;
use spile_world::processes::meltano::{Backend, Bookmarks, Elsewhere, Host, IsHosted, Request, RunError};
use spile_world::stores::bookmarks::Broker;
use spile_world::stores::state_changes::StateChanges;
use spile_world::stores::supabase::{KeptState, NotKept, Writer};
use spile_world::{Supabase, TargetError, World, machine};

/// Bookmarks that are known though the backend has none.
pub(crate) struct KnownBookmarks {
    /// As Meltano keeps them: `{"completed": {}, "partial": {}}`.
    pub state: String,
    /// Their origin.
    pub from: BookmarkOrigin,
}

/// The origin of bookmarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookmarkOrigin {
    /// Meltano's own database on this machine.
    Database,
    /// The registry's record of an earlier run.
    Run {
        /// The machine that ran it.
        host: String,
        /// When it ended.
        at: Timestamp,
    },
}

impl Job {
    /// Gives a run its bookmarks. If they are in the registry, returns the broker through which the run accesses them.
    pub(super) async fn give_bookmarks(&self, run: &Run, request: &mut Request) -> Result<Option<Arc<Broker>>, Error> {
        let Some(id) = &run.state_id else { return Ok(None) };
        let backend = backend(&self.world, &request.project_file, &request.host)?;
        let project = self.loaded.settings.name.clone();
        let bookmarks = Bookmarks { backend: backend.clone(), project, broker: None, elsewhere: None };
        request.bookmarks = Some(bookmarks.clone());
        if let (Backend::Registry, Some(registry)) = (&backend, &self.world.supabase) {
            let writer = Writer { integration: run.integration, run: run.id, host: machine::name() };
            let kept = self.kept_in(registry, &writer, run, id).await?;
            let started = Broker::start(registry.clone(), writer, id, kept).await;
            let nowhere = IoError::of("listen at", "127.0.0.1");
            let broker = Arc::new(started.map_err(nowhere).map_err(RunError::from)?);
            request.bookmarks = Some(Bookmarks { broker: Some(broker.clone()), ..bookmarks });
            return Ok(Some(broker));
        }
        self.follow_rename(run, request).await?;
        self.begin_range(request, id).await?;
        let known = match (&backend, &self.options.from) {
            (_, From::Beginning | From::Moment(_) | From::Range { .. }) => None,
            (Backend::Local, From::Bookmark) if self.world.supabase.is_none() => None,
            // Bookmarks from Meltano's own database would be copied onto themselves.
            (Backend::Local, From::Bookmark) => self.elsewhere(id).await?.filter(KnownBookmarks::is_of_a_run),
            (Backend::Registry | Backend::At(_) | Backend::Theirs, From::Bookmark) => self.elsewhere(id).await?,
        };
        let known = match known {
            Some(known) if self.is_outdated(&known).await? => None,
            known => known,
        };
        let elsewhere = known.map(|known| Elsewhere { state: known.state, missing: self.options.missing_bookmark });
        request.bookmarks = Some(Bookmarks { elsewhere, ..bookmarks });
        Ok(None)
    }

    /// Stores the state with which a backfill begins, if it has one.
    async fn begin_range(&self, request: &Request, id: &str) -> Result<(), Error> {
        let From::Range { start: Some(start), .. } = &self.options.from else { return Ok(()) };
        let mut interrupt = self.options.interrupt.clone();
        Ok(self.world.meltano.store_state(request, id, Some(start), &mut interrupt).await?)
    }

    /// Tells whether somebody has changed the state by hand since then: where its backend has none, none is meant.
    async fn is_outdated(&self, known: &KnownBookmarks) -> Result<bool, Error> {
        let changed = StateChanges::of(&self.world).last(self.integration.id, &self.options.environment).await?;
        Ok(changed.is_some_and(|changed| match known.from {
            BookmarkOrigin::Database => true,
            BookmarkOrigin::Run { at, .. } => changed > at,
        }))
    }

    /// Returns what the registry keeps of a run's bookmarks, which it is given where only others have them.
    async fn kept_in(
        &self,
        registry: &Supabase,
        writer: &Writer,
        run: &Run,
        id: &str,
    ) -> Result<Option<KeptState>, Error> {
        let kept = registry.state(id).await.map_err(TargetError::from)?;
        let version = kept.as_ref().map_or(0, |kept| kept.version);
        if let From::Range { start: Some(start), .. } = &self.options.from {
            return keep(registry, writer, id, version, start.to_stored()).await.map(Some);
        }
        if let Some(moved) = self.moved_in(registry, writer, run, id, version).await? {
            return Ok(Some(moved));
        }
        if let Some(kept) = kept {
            let last = self.world.runs.get(kept.run).await?;
            let is_from_here = last.is_some_and(|last| was_here(&self.world, &last));
            if kept.state.is_some() && !is_from_here && self.options.from == From::Bookmark {
                let (slug, host, at) = (run.slug.clone(), kept.host.clone(), kept.updated_at);
                self.tell(Event::TookBookmark { slug, host, at });
            }
            return Ok(Some(kept));
        }
        if self.options.from != From::Bookmark {
            return Ok(None);
        }
        let Some(KnownBookmarks { state, from }) = self.left_by_runs(id).await? else { return Ok(None) };
        let kept = keep(registry, writer, id, 0, state).await?;
        let slug = run.slug.clone();
        self.tell(match from {
            BookmarkOrigin::Database => Event::CopiedBookmark { slug },
            BookmarkOrigin::Run { host, at } => Event::TookBookmark { slug, host, at },
        });
        Ok(Some(kept))
    }

    /// Moves the bookmarks of the last sync within the registry, if only names have changed since.
    async fn moved_in(
        &self,
        registry: &Supabase,
        writer: &Writer,
        run: &Run,
        id: &str,
        version: i64,
    ) -> Result<Option<KeptState>, Error> {
        let Some(from) = self.renamed_from(run).await? else { return Ok(None) };
        let old = registry.state(&from).await.map_err(TargetError::from)?;
        let state = match old.as_ref() {
            Some(old) => old.state.clone(),
            None => self.left_by_runs(&from).await?.map(|known| known.state),
        };
        let Some(state) = state else { return Ok(None) };
        let kept = keep(registry, writer, id, version, state).await?;
        let before = old.map_or(0, |old| old.version);
        registry.keep_state(writer, &from, before, None).await.map_err(|source| not_kept(&from, source))?;
        self.tell(Event::MovedState { slug: run.slug.clone(), from, to: id.to_owned() });
        Ok(Some(kept))
    }

    /// Returns the state id of the last sync, if only names have changed since: the integration's or its loader's.
    pub(super) async fn renamed_from(&self, run: &Run) -> Result<Option<String>, Error> {
        // A backfill begins without a state, and takes nobody else's.
        if !run.is_live() {
            return Ok(None);
        }
        let earlier = self.known().await?.iter().filter(|known| known.id != run.id);
        let (environment, loader, id) = (&run.environment, run.loader, run.state_id.as_deref());
        Ok(Pipeline { extractor: &self.integration, environment, loader, id }.renamed_from(earlier))
    }

    /// Returns the bookmarks of a state id that are known outside its backend: from the registry, or from earlier runs.
    async fn elsewhere(&self, id: &str) -> Result<Option<KnownBookmarks>, Error> {
        let kept = match &self.world.supabase {
            Some(registry) => registry.state(id).await.map_err(TargetError::from)?,
            None => None,
        };
        match kept {
            Some(KeptState { state: Some(state), host, updated_at: at, .. }) => {
                Ok(Some(KnownBookmarks { state, from: BookmarkOrigin::Run { host, at } }))
            }
            Some(_) | None => self.left_by_runs(id).await,
        }
    }

    async fn left_by_runs(&self, id: &str) -> Result<Option<KnownBookmarks>, Error> {
        left_by_runs(&self.world, id, self.known().await?.iter().filter(|known| known.id != self.id))
    }
}

/// Returns the bookmarks of a state id that earlier runs have left, given newest first: what the last one that told says of
/// them, or what Meltano's own database on this machine has, where that run was here; the database is to the point, a run's
/// is at most a few seconds older.
pub(crate) fn left_by_runs<'r>(
    world: &World,
    id: &str,
    mut earlier: impl Iterator<Item = &'r Run>,
) -> Result<Option<KnownBookmarks>, Error> {
    let has_told = |known: &&Run| {
        let is_of = known.state_id.as_deref() == Some(id);
        known.kind == RunKind::Sync && is_of && known.bookmark_after.is_some()
    };
    let last = earlier.find(has_told);
    let here = world.meltano.local_state(id)?;
    if let Some(state) = here.filter(|_| last.is_none_or(|last| was_here(world, last))) {
        return Ok(Some(KnownBookmarks { state, from: BookmarkOrigin::Database }));
    }
    Ok(last.map(|last| {
        let state = json!({ "completed": { "singer_state": last.bookmark_after }, "partial": {} }).to_string();
        let (host, at) = (last.host.clone().unwrap_or_default(), last.finished_at.unwrap_or(last.started_at));
        KnownBookmarks { state, from: BookmarkOrigin::Run { host, at } }
    }))
}

/// What is synced: an extractor into a loader, in an environment.
pub(crate) struct Pipeline<'a> {
    /// The extractor.
    pub extractor: &'a Integration,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The loader.
    pub loader: Option<IntegrationId>,
    /// Its state id, with the current names.
    pub id: Option<&'a str>,
}

impl Pipeline<'_> {
    /// Returns the state id that the last of the earlier runs had, when only names have changed since.
    pub(crate) fn renamed_from<'r>(&self, mut earlier: impl Iterator<Item = &'r Run>) -> Option<String> {
        let last = earlier.find(|known| known.kind == RunKind::Sync && known.state_id.is_some())?;
        let from = last.state_id.as_deref().filter(|from| last.loader == self.loader && Some(*from) != self.id)?;
        is_state_of(from, self.environment, self.extractor).then(|| from.to_owned())
    }
}

impl KnownBookmarks {
    fn is_of_a_run(&self) -> bool {
        match self.from {
            BookmarkOrigin::Run { .. } => true,
            BookmarkOrigin::Database => false,
        }
    }
}

/// Returns where the bookmarks of a run with that `meltano.yml` are kept.
pub(crate) fn backend(world: &World, project_file: &str, host: &Host) -> Result<Backend, Error> {
    let is_hosted = if world.supabase.is_some() { IsHosted::Yes } else { IsHosted::No };
    Ok(world.meltano.backend(project_file, host, is_hosted)?)
}

/// Tells whether a run took place in this folder. In that case, its log is here.
fn was_here(world: &World, run: &Run) -> bool {
    world.project.root().join(run.log_path()).exists()
}

async fn keep(registry: &Supabase, writer: &Writer, id: &str, version: i64, state: String) -> Result<KeptState, Error> {
    let kept = registry.keep_state(writer, id, version, Some(&state)).await;
    let version = kept.map_err(|source| not_kept(id, source))?;
    let (run, host) = (writer.run, writer.host.clone());
    Ok(KeptState { version, state: Some(state), run, host, updated_at: Timestamp::UNIX_EPOCH })
}

/// Returns the error for bookmarks that could not be stored.
pub(super) fn not_kept(id: &str, source: NotKept) -> Error {
    Error::Bookmarks { id: id.to_owned(), source }
}
