//! The state of a pipeline as it is kept now, wherever that is.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Scope, StateError};
use crate::invocation::{Invocation, install, without_secrets};
use crate::run;
use crate::run::bookmarks::{Pipeline, backend, left_by_runs};
use crate::{Error, Tell};
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::record::entry::state_id;
use spile_core::run::Run;
use spile_core::state::SingerState;
use spile_world::TargetError;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Backend, Bookmarks, Database, Hold, Request};

/// How many runs are looked at for names of before.
const LOOKED_AT: usize = 100;

/// The state of a pipeline as it is kept now.
#[derive(Debug, Clone)]
pub struct KeptState {
    /// The integration.
    pub integration: Arc<Integration>,
    /// Its loader.
    pub loader: Arc<Integration>,
    /// Under which id it is kept; that of before, where only names have changed since the last sync.
    pub state_id: String,
    /// Where it is kept.
    pub place: Place,
    /// The state; `None` where there is none.
    pub state: Option<SingerState>,
    /// Why what is kept cannot be read; then it counts as no state.
    pub unreadable: Option<String>,
    /// When it was written, and by what, where the registry tells.
    pub written: Option<Written>,
    /// What a write compares with.
    pub(super) read: ReadMark,
}

/// Where a state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the hosted registry.
    Registry,
    /// In Meltano's database in the project's folder.
    Database,
    /// Where only Meltano knows the way.
    Backend,
}

impl Place {
    /// Returns what people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Database => ".meltano/meltano.db",
            Self::Backend => "Meltano's state backend",
        }
    }
}

/// When a state was written, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The run, or the change.
    pub by: Uuid,
    /// The machine.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// What was read, to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadMark {
    /// The registry's version; 0 where it has nothing.
    Version(i64),
    /// What the database has.
    Text(Option<String>),
    /// Nothing but the state itself.
    Nothing,
}

/// What is known of a pipeline before its state is read.
pub(super) struct Owner {
    pub integration: Arc<Integration>,
    pub loader: Arc<Integration>,
    pub known: Vec<Run>,
    /// The ids under which its state may be, the most likely first.
    pub ids: Vec<String>,
    pub request: Request,
    pub place: Place,
}

impl Owner {
    /// Finds the pipeline of an integration.
    pub async fn of(scope: Scope<'_>, integration: &Arc<Integration>) -> Result<Self, Error> {
        let Scope { world, loaded, options } = scope;
        let slug = integration.slug.clone();
        if integration.role() == Role::Loader {
            let (reason, help) = ("is a loader, and loaders keep no state", "use an extractor");
            return Err(Error::NotRunnable { slug, reason: reason.into(), help: help.into() });
        }
        let environment = &options.environment;
        let to = integration.at(environment).loader.as_ref();
        let Some(loader) = to.and_then(|slug| loaded.integrations.find(slug.as_str())).cloned() else {
            let (reason, help) = run::NO_LOADER;
            return Err(Error::NotRunnable { slug, reason: reason.into(), help: help.into() });
        };
        let now = state_id(environment, &integration.plugin_name(), &loader.plugin_name());
        // A piece of a backfill has a state of its own, which is no earlier name of this one.
        let known = world.runs.newest_live(integration.id, LOOKED_AT).await?;
        let pipeline =
            Pipeline { extractor: integration, environment, loader: Some(loader.id), id: Some(now.as_str()) };
        // The next sync begins by moving what is kept under the names of before.
        let before = pipeline.renamed_from(known.iter());
        let ids = before.into_iter().chain([now]).collect();
        let id = Uuid::new_v4();
        let log = Path::new(OWN_FOLDER).join("logs").join(slug.as_str()).join("state").join(format!("{id}.log"));
        let invocation = Invocation {
            run: id,
            environment: environment.clone(),
            log,
            timeout: None,
            host: options.host.clone(),
            hold: None,
        };
        let request = without_secrets(world, loaded, integration, Some(&loader), invocation)?;
        let backend = backend(world, &request.project_file, &options.host)?;
        let place = match (&backend, &world.supabase, world.meltano.database(&options.host)?) {
            (Backend::Registry, Some(_), _) => Place::Registry,
            (Backend::Local, _, Database::InProject) => Place::Database,
            (Backend::Registry | Backend::Local | Backend::At(_) | Backend::Theirs, _, _) => Place::Backend,
        };
        let bookmarks = Bookmarks { backend, project: loaded.settings.name.clone(), broker: None, elsewhere: None };
        let request = Request { bookmarks: Some(bookmarks), ..request };
        Ok(Self { integration: integration.clone(), loader, known, ids, request, place })
    }

    /// Reads the state, as the next sync would find it.
    pub async fn read(&self, scope: Scope<'_>, tell: Tell<'_>) -> Result<KeptState, Error> {
        let mut last = None;
        for id in &self.ids {
            let found = self.read_under(scope, id, tell).await?;
            if found.state.is_some() || found.unreadable.is_some() {
                return Ok(found);
            }
            last = Some(found);
        }
        // There is always the id of the names of now.
        last.ok_or_else(|| StateError::None { slug: self.integration.slug.clone() }.into())
    }

    async fn read_under(&self, scope: Scope<'_>, id: &str, tell: Tell<'_>) -> Result<KeptState, Error> {
        let Scope { world, options, .. } = scope;
        let mut written = None;
        let (text, read) = match (self.place, &world.supabase) {
            (Place::Registry, Some(registry)) => {
                let kept = registry.state(id).await.map_err(TargetError::from)?;
                written =
                    kept.as_ref().map(|kept| Written { by: kept.run, host: kept.host.clone(), at: kept.updated_at });
                let version = kept.as_ref().map_or(0, |kept| kept.version);
                let text = match kept {
                    Some(kept) => kept.state,
                    // The next sync takes over what a machine or an earlier run has.
                    None => left_by_runs(world, id, self.known.iter())?.map(|known| known.state),
                };
                (text, ReadMark::Version(version))
            }
            (Place::Database, _) => {
                let text = world.meltano.local_state(id)?;
                (text.clone(), ReadMark::Text(text))
            }
            (Place::Backend | Place::Registry, _) => {
                install(world, &options.host, &options.interrupt, tell).await?;
                let request = self.request(None);
                let mut interrupt = options.interrupt.clone();
                let state = world.meltano.stored_state(&request, id, &mut interrupt).await?;
                (state.map(|state| state.to_stored()), ReadMark::Nothing)
            }
        };
        let parsed = text.as_deref().map_or(Ok(None), SingerState::of_stored);
        let (state, unreadable) = match parsed {
            Ok(state) => (state, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let (integration, loader) = (self.integration.clone(), self.loader.clone());
        let (state_id, place) = (id.to_owned(), self.place);
        Ok(KeptState { integration, loader, state_id, place, state, unreadable, written, read })
    }

    /// Returns what Meltano is given, with what keeps runs away.
    pub fn request(&self, hold: Option<Arc<Hold>>) -> Request {
        let log = self.request.log.clone();
        Request { hold, log, ..self.request.clone() }
    }
}

/// Reads the state of an integration as the next sync would find it.
///
/// # Errors
/// When nothing has that name, it keeps no state, or the place of its state cannot be asked.
pub async fn read(scope: Scope<'_>, slug: &str, tell: Tell<'_>) -> Result<KeptState, Error> {
    let integration = scope.loaded.named(slug)?;
    Owner::of(scope, integration).await?.read(scope, tell).await
}

impl KeptState {
    /// Returns the state.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn needed(&self) -> Result<&SingerState, StateError> {
        if let Some(why) = self.unreadable.clone() {
            return Err(StateError::Unreadable { slug: self.slug().clone(), why });
        }
        self.state.as_ref().ok_or_else(|| StateError::None { slug: self.slug().clone() })
    }

    /// Returns the name of the integration.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        &self.integration.slug
    }

    /// Returns the tap that writes it.
    #[must_use]
    pub fn tap(&self) -> &str {
        &self.integration.connector.plugin.name
    }
}
