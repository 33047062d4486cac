//! The project as requests see it: read once, and again when its files change.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::refusal::Refusal;
use super::response_cache::ResponseCache;
use super::setup::Setup;
use spile_core::alert::Seen;
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::settings::Registry;
use spile_ops::check::Marks;
use spile_ops::run::{Options, WhenBusy, jobs};
use spile_ops::{self as ops, Error, Loaded, notify};
use spile_view::report::ProblemData;
use spile_world::files::io_error::IoError;
use spile_world::files::project::recover;
use spile_world::processes::git::Proposal;
use spile_world::stores::runs::Standing;
use spile_world::{Project, World};

/// How long to wait before checking the files for changes again.
const FILES: Duration = Duration::from_millis(500);

/// How long answers of the registry are cached.
const REGISTRY: Duration = Duration::from_secs(1);

/// How long overviews of the whole registry are cached.
const OVERVIEW: Duration = Duration::from_secs(5);

/// The project as it was read.
pub struct ProjectView {
    /// Its files.
    pub loaded: Arc<Loaded>,
    /// The hash of each integration's files when they were read.
    marks: Arc<Marks>,
    /// Its registry, targets and other connections.
    pub world: World,
    /// The environment.
    pub environment: EnvironmentName,
    /// The options of runs.
    pub options: Options,
    /// The current problems in the files; if there are any, `loaded` is the last valid version.
    pub wrong: Vec<ProblemData>,
    /// The branch whose files these are, on top of what is checked out.
    pub proposal: Option<Proposal>,
    mark: u64,
    standings: CachedAnswer<Standings>,
    drifted: CachedAnswer<Arc<BTreeSet<IntegrationId>>>,
    seen: CachedAnswer<Arc<Seen>>,
    /// Rendered lists of integrations, shared by equal requests.
    pub(super) lists: ResponseCache<Standings>,
}

/// The registry's standing of each integration, or why the registry does not answer.
pub type Standings = Result<Arc<BTreeMap<IntegrationId, Standing>>, String>;

/// An answer and when it arrived; it is reused for a moment.
struct CachedAnswer<T> {
    /// With the time it arrived, or `None` if it is outdated.
    value: RwLock<Option<(Option<Instant>, T)>>,
    /// Held by the caller who asks, so that others wait.
    asking: Mutex<()>,
}

impl<T> Default for CachedAnswer<T> {
    fn default() -> Self {
        Self { value: RwLock::new(None), asking: Mutex::new(()) }
    }
}

impl<T: Clone> CachedAnswer<T> {
    /// Returns the cached answer, or asks if it is too old. Callers who arrive meanwhile wait and share the new answer.
    async fn get(&self, lasts: Duration, ask: impl Future<Output = T>) -> T {
        if let Some(value) = self.fresh(lasts) {
            return value;
        }
        let _asking = self.asking.lock().await;
        if let Some(value) = self.fresh(lasts) {
            return value;
        }
        let value = ask.await;
        self.keep(value.clone());
        value
    }

    /// Returns the cached answer if it is not too old.
    fn fresh(&self, lasts: Duration) -> Option<T> {
        let known = self.value.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.is_some_and(|at| at.elapsed() < lasts)).map(|(_, value)| value.clone())
    }

    /// Returns the cached answer, however old.
    fn newest(&self) -> Option<T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, value)| value.clone())
    }

    fn keep(&self, value: T) {
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = Some((Some(Instant::now()), value));
    }

    /// Makes the next caller ask. Waits for a running question first, because its answer may be outdated.
    async fn forget(&self) {
        let _asking = self.asking.lock().await;
        if let Some((at, _)) = &mut *self.value.write().unwrap_or_else(PoisonError::into_inner) {
            *at = None;
        }
    }
}

/// The newest view of the project.
#[derive(Default)]
pub struct Desks(CachedAnswer<Arc<ProjectView>>);

impl Desks {
    /// Returns the project as it is now.
    pub async fn now(&self, setup: &Setup) -> Result<Arc<ProjectView>, Refusal> {
        if let Some(desk) = self.0.fresh(FILES) {
            return Ok(desk);
        }
        let _looking = self.0.asking.lock().await;
        if let Some(desk) = self.0.fresh(FILES) {
            return Ok(desk);
        }
        let mark = setup.project.mark();
        let desk = match self.0.newest() {
            Some(before) if before.mark == mark => before,
            before => Arc::new(ProjectView::read_after(before.as_deref(), setup, mark)?),
        };
        self.0.keep(desk.clone());
        Ok(desk)
    }

    /// Makes the next request check the files.
    pub async fn forget(&self) {
        self.0.forget().await;
    }
}

impl ProjectView {
    /// Returns where rows and runs are kept, in words.
    #[must_use]
    pub fn registry_words(&self) -> &'static str {
        match self.loaded.settings.registry_of(&self.environment) {
            Registry::Local => "local registry",
            Registry::Supabase(_) => "Supabase registry",
        }
    }

    /// Reads the files; if they have problems, keeps the last valid version.
    fn read_after(before: Option<&Self>, setup: &Setup, mark: u64) -> Result<Self, Refusal> {
        match (Self::read(setup, &setup.project, mark), before) {
            (Ok(desk), _) => Ok(desk),
            (Err(Error::Problems(report)), Some(before)) => {
                let wrong = report.problems().iter().map(ProblemData::from).collect();
                Ok(before.with(wrong, mark))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Returns the same project with the files of a branch; `None` if an integration is not there, or there are problems.
    #[must_use]
    pub fn with_proposal(&self, setup: &Setup, slug: &Slug, proposal: Proposal) -> Option<Self> {
        let project = proposal.files.iter().fold(setup.project.clone(), |project, (path, text)| match text {
            Some(text) => project.with(path, text.clone()),
            None => project.without(path),
        });
        let desk = Self::read(setup, &project, self.mark).ok()?;
        desk.loaded.integrations.find(slug.as_str())?;
        Some(Self { proposal: Some(proposal), ..desk })
    }

    fn read(setup: &Setup, project: &Project, mark: u64) -> Result<Self, Error> {
        let io = IoError::of("put back the files of", ".");
        recover(project.root()).map_err(io)?;
        let (loaded, marks) = ops::check::marked(project)?;
        let environment = loaded.environment(setup.environment.as_deref())?;
        let world = World::open(project, &loaded.settings, &environment, &setup.outside)?;
        let sync = &loaded.settings.sync;
        setup.turns.resize(jobs(setup.jobs, sync));
        let options = Options::of(sync, environment.clone(), setup.turns.clone(), setup.host.clone());
        // A user who waits at a page gets the refusal at once.
        let timeout = setup.timeout.or(options.timeout);
        let options = Options { when_busy: WhenBusy::Refuse, timeout, ..options };
        let loaded = Arc::new(loaded);
        Ok(Self {
            loaded,
            marks: Arc::new(marks),
            world,
            environment,
            options,
            wrong: Vec::new(),
            proposal: None,
            mark,
            standings: CachedAnswer::default(),
            drifted: CachedAnswer::default(),
            seen: CachedAnswer::default(),
            lists: ResponseCache::default(),
        })
    }

    /// Returns the same view with current problems.
    fn with(&self, wrong: Vec<ProblemData>, mark: u64) -> Self {
        Self {
            loaded: self.loaded.clone(),
            marks: self.marks.clone(),
            world: self.world.clone(),
            environment: self.environment.clone(),
            options: self.options.clone(),
            wrong,
            proposal: self.proposal.clone(),
            mark,
            standings: CachedAnswer::default(),
            drifted: CachedAnswer::default(),
            seen: CachedAnswer::default(),
            lists: ResponseCache::default(),
        }
    }

    /// Returns the hash of an integration's files when they were read.
    pub fn mark_of(&self, integration: &Integration) -> &str {
        self.marks.get(&integration.slug).map_or("", String::as_str)
    }

    /// Returns the registry's standing of each integration, or why the registry does not answer: then callers show
    /// files only.
    pub async fn standings(&self) -> Standings {
        let ask = async { self.world.runs.standings().await.map(Arc::new).map_err(|error| error.to_string()) };
        self.standings.get(REGISTRY, ask).await
    }

    /// Returns the integrations with drift; none if the registry does not answer.
    pub async fn drifted(&self) -> Arc<BTreeSet<IntegrationId>> {
        let ask = async { ops::drifted(&self.world, &self.loaded, &self.environment).await.unwrap_or_default() };
        self.drifted.get(OVERVIEW, async { Arc::new(ask.await) }).await
    }

    /// Returns the current alerts, without those that cannot be checked.
    pub async fn seen(&self) -> Arc<Seen> {
        let watched = notify::Watched::of(&self.loaded, &self.environment);
        let ask = async { Arc::new(notify::seen(&self.world, watched, &mut drop).await) };
        self.seen.get(OVERVIEW, ask).await
    }

    /// Drops cached answers of the registry after a write.
    pub async fn forget(&self) {
        self.standings.forget().await;
        self.drifted.forget().await;
        self.seen.forget().await;
    }
}
