//! The project as requests see it: read once, and anew when its files change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::app::Setup;
use super::refusal::Refusal;
use crate::name::{EnvironmentName, IntegrationId};
use crate::ops::run::{From, Options, Places, Retries, WhenBusy};
use crate::ops::{self, Error, Loaded, Which};
use crate::view::report::ProblemData;
use crate::world::runs::Standing;
use crate::world::{World, machine};

/// How long files are taken to be as they were.
const FILES: Duration = Duration::from_millis(500);

/// How long what the registry said holds.
const REGISTRY: Duration = Duration::from_secs(1);

/// The project as it was read.
pub struct Desk {
    /// Its files.
    pub loaded: Arc<Loaded>,
    /// Its outside.
    pub world: World,
    /// The environment.
    pub environment: EnvironmentName,
    /// How runs are carried out.
    pub options: Options,
    /// What is wrong with the files now: what they said before is what is here.
    pub wrong: Vec<ProblemData>,
    mark: u64,
    standings: Mutex<Option<(Instant, Standings)>>,
}

/// What the registry says of each integration, or why it does not.
pub type Standings = Result<Arc<BTreeMap<IntegrationId, Standing>>, String>;

/// The newest desk.
#[derive(Default)]
pub struct Desks(Mutex<Option<(Instant, Arc<Desk>)>>);

impl Desks {
    /// Returns the project as it is now.
    pub async fn now(&self, setup: &Setup) -> Result<Arc<Desk>, Refusal> {
        let mut known = self.0.lock().await;
        if let Some((at, desk)) = &*known
            && at.elapsed() < FILES
        {
            return Ok(desk.clone());
        }
        let mark = setup.project.mark();
        if let Some((at, desk)) = &mut *known
            && desk.mark == mark
        {
            *at = Instant::now();
            return Ok(desk.clone());
        }
        let desk = match (Desk::read(setup, mark), &*known) {
            (Ok(desk), _) => desk,
            (Err(Error::Problems(report)), Some((_, before))) => {
                let wrong = report.problems().iter().map(ProblemData::from).collect();
                before.with(wrong, mark)
            }
            (Err(error), _) => return Err(error.into()),
        };
        let desk = Arc::new(desk);
        *known = Some((Instant::now(), desk.clone()));
        Ok(desk)
    }
}

impl Desks {
    /// Forgets when the files were looked at last.
    pub async fn forget(&self) {
        if let Some((at, _)) = &mut *self.0.lock().await {
            *at = at.checked_sub(FILES).unwrap_or(*at);
        }
    }
}

impl Desk {
    fn read(setup: &Setup, mark: u64) -> Result<Self, Error> {
        let loaded = ops::check::used(&setup.project)?;
        let environment = loaded.environment(setup.environment.as_deref())?;
        let world = World::open(&setup.project, &loaded.settings, &environment, &setup.outside)?;
        let sync = &loaded.settings.sync;
        let options = Options {
            environment: environment.clone(),
            which: Which::default(),
            places: Places::new(setup.jobs.or(sync.jobs).map_or_else(machine::jobs, usize::from)),
            timeout: sync.timeout,
            retries: Retries { most: sync.retries, after: sync.retry_after },
            when_busy: WhenBusy::Refuse,
            from: From::Bookmark,
            scheduled_for: BTreeMap::new(),
            host: setup.host.clone(),
            interrupt: tokio::sync::watch::channel(false).1,
        };
        let loaded = Arc::new(loaded);
        Ok(Self { loaded, world, environment, options, wrong: Vec::new(), mark, standings: Mutex::default() })
    }

    /// The same with files that are wrong now.
    fn with(&self, wrong: Vec<ProblemData>, mark: u64) -> Self {
        Self {
            loaded: self.loaded.clone(),
            world: self.world.clone(),
            environment: self.environment.clone(),
            options: self.options.clone(),
            wrong,
            mark,
            standings: Mutex::default(),
        }
    }

    /// Returns what the registry says of each integration, or why it does not: then files have to do.
    pub async fn standings(&self) -> Standings {
        let mut known = self.standings.lock().await;
        if let Some((at, standings)) = &*known
            && at.elapsed() < REGISTRY
        {
            return standings.clone();
        }
        let asked = self.world.runs.standings().await;
        let standings = asked.map(Arc::new).map_err(|error| error.to_string());
        *known = Some((Instant::now(), standings.clone()));
        standings
    }

    /// Forgets what the registry said, because it has been written to.
    pub async fn forget(&self) {
        *self.standings.lock().await = None;
    }
}
