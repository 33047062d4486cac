//! Everything outside: one file for each outside system, and one handle on each here.

pub mod agreements;
pub mod alerts;
pub mod audit;
pub mod bookmarks;
pub mod bundled;
pub mod child_environment;
pub mod command;
pub mod discoveries;
pub mod door;
pub mod editor;
pub mod git;
pub mod hub;
pub mod jwks;
pub mod keys;
pub mod local;
pub mod machine;
pub mod meltano;
pub mod meltano_file;
pub mod memory;
pub mod notify;
pub mod output_file;
pub mod own;
pub mod project;
pub mod refusal;
pub mod registry;
pub mod rendered;
pub mod run_lock;
pub mod runs;
pub mod seen;
pub mod sops_program;
pub mod supabase;
pub mod target;
pub mod tokens;
pub mod user_files;
pub mod way;

use std::sync::Arc;

use jiff::Timestamp;

use spile_core::name::EnvironmentName;
use spile_core::problem::Report;
use spile_core::record::Entry;
use spile_core::settings::{self, Agreement, ProjectSettings, Variables};
use spile_core::source::Placed;

pub use agreements::Agreements;
pub use alerts::Alerts;
pub use audit::{Audit, Deed};
pub use child_environment::ChildEnvironment;
pub use discoveries::Discoveries;
pub use jwks::Jwks;
pub use keys::Keys;
pub use local::Local;
pub use meltano::Meltano;
pub use meltano_file::MeltanoFile;
pub use memory::Memory;
pub use notify::Notifier;
pub use output_file::OutputFiles;
pub use project::Project;
pub use registry::{Registry, Unmanaged};
pub use rendered::Rendered;
pub use runs::Runs;
pub use seen::SeenAlerts;
pub use sops_program::Program;
pub use supabase::{Supabase, SupabaseError};
pub use target::{Origin, Target, TargetError};
pub use tokens::Tokens;
pub use user_files::UserFolders;

/// The handles on everything outside that operations need, in one environment.
#[derive(Clone)]
pub struct World {
    /// The project's folder.
    pub project: Project,
    /// Where rows are kept.
    pub registry: Arc<dyn Registry>,
    /// The registry where it is a hosted one, for what only those have.
    pub supabase: Option<Arc<Supabase>>,
    /// Where runs are kept.
    pub runs: Arc<dyn Runs>,
    /// Where it is remembered what channels were told.
    pub alerts: Arc<dyn Alerts>,
    /// What sends to channels.
    pub notifier: Notifier,
    /// `meltano.yml`
    pub meltano_file: Arc<dyn Target<Record = Entry>>,
    /// What is rendered beside it.
    pub outputs: OutputFiles,
    /// The pinned Meltano.
    pub meltano: Meltano,
    /// The keys that open secrets.
    pub keys: Arc<Keys>,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

/// What the user's environment gives to a world; read by the command line, once.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The keys that open secrets.
    pub keys: Arc<Keys>,
    /// The variables that `spile.toml` may name.
    pub variables: Variables,
    /// Which secrets of the environment may be sent to which hosts.
    pub agreements: Arc<Agreements>,
    /// The environment that children get a part of.
    pub children: ChildEnvironment,
}

impl Outside {
    /// Returns an environment that gives nothing: no keys, no variables, no agreements.
    #[must_use]
    pub fn nothing() -> Self {
        let keys = Arc::new(Keys::new(keys::Places::default()));
        Self { keys, variables: Variables::none(), agreements: Arc::default(), children: ChildEnvironment::default() }
    }
}

/// What a registry keeps, each as its own handle.
type Stores = (Arc<dyn Registry>, Arc<dyn Runs>, Arc<dyn Alerts>);

/// Why a world cannot be opened.
#[derive(Debug)]
pub enum NoWorld {
    /// `spile.toml` names what is not there, or may not be read.
    Problems(Report),
    /// Nobody has agreed to send the key of the registry to the host that `spile.toml` names.
    NotAgreed(Box<Placed<Agreement>>),
    /// The registry's address or key is of no use.
    Supabase(SupabaseError),
}

impl World {
    /// Opens the handles that the settings name; nothing is read, made or sent yet.
    ///
    /// # Errors
    /// When a variable that the registry needs is not set, may not be read or is not what it should be, or when nobody has
    /// agreed to send the key to its host.
    pub fn open(
        project: &Project,
        settings: &ProjectSettings,
        environment: &EnvironmentName,
        outside: &Outside,
    ) -> Result<Self, NoWorld> {
        let mut supabase = None;
        let (registry, runs, alerts): Stores = match settings.registry_of(environment) {
            settings::Registry::Local => {
                let local = Arc::new(Local::new(project.registry_path(), &settings.name, environment));
                (local.clone(), local.clone(), local)
            }
            settings::Registry::Supabase(written) => {
                let address = self::supabase::Address::agreed(written, outside)?;
                let hosted = Supabase::new(address, (&settings.name, environment), &project.own_folder());
                let hosted = Arc::new(hosted.map_err(NoWorld::Supabase)?);
                supabase = Some(hosted.clone());
                (hosted.clone(), hosted.clone(), hosted)
            }
        };
        Ok(Self { supabase, alerts, ..Self::with(project, settings, (registry, runs), outside) })
    }

    /// Opens all handles but those of the registry: there an empty one in memory stands. No variable is needed.
    #[must_use]
    pub fn offline(project: &Project, settings: &ProjectSettings, outside: &Outside) -> Self {
        let (registry, runs) = (Arc::new(Memory::default()), Arc::new(memory::MemoryRuns::default()));
        Self::with(project, settings, (registry, runs), outside)
    }

    /// Opens a world without a way out, for a stranger's project: no registry, no variable, no key, and nothing that spile
    /// keeps in the project's folder.
    #[must_use]
    pub fn untrusted(project: &Project, settings: &ProjectSettings) -> Self {
        Self::offline(&project.clone().untrusted(), settings, &Outside::nothing())
    }

    fn with(
        project: &Project,
        settings: &ProjectSettings,
        (registry, runs): (Arc<dyn Registry>, Arc<dyn Runs>),
        outside: &Outside,
    ) -> Self {
        Self {
            project: project.clone(),
            supabase: None,
            runs,
            registry,
            alerts: Arc::new(memory::MemoryAlerts::default()),
            notifier: Notifier::new(outside),
            meltano: Meltano::new(project.root(), settings),
            meltano_file: Arc::new(MeltanoFile::new(project)),
            outputs: OutputFiles::new(project, settings.outputs.iter().map(|output| output.path.clone()).collect()),
            keys: outside.keys.clone(),
            clock: Timestamp::now,
        }
    }
}
