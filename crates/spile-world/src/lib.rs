//! Everything that spile reads and changes outside itself, and [`World`], which holds one handle for each.
//!
//! | room | contents |
//! |---|---|
//! | [`files`] | the project's files, `.spile`, `meltano.yml`, outputs, the user's own files, locks |
//! | [`stores`] | registries, runs, bookmarks, deliveries, audit, tokens: SQLite, Supabase, memory |
//! | [`processes`] | Meltano (with the project's `.env`), masking secrets in what its plugins print, the relay of records between them (which counts with `spile_core::run::traffic`), `sops`, git, editors, and which part of the environment a child process gets |
//! | [`net`] | the hub, public keys for signing in, notifications |
//! | [`keys`] | age identities and what they open |
//! | [`machine`] | the machine: its name, and how many runs it has room for |
//! | [`agreements`] | which secret of the environment may be sent to which host |
//!
//! ```
//! use spile_core::problem::Problems;
//! use spile_world::Project;
//!
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path();
//! std::fs::write(root.join("spile.toml"), "[project]\nname = 'acme'\n")?;
//! std::os::unix::fs::symlink("/etc/passwd", root.join("integrations"))?;
//!
//! // A link that leads out of the project is not followed. It is reported as a problem at its path.
//! let mut problems = Problems::default();
//! let project = Project::find(root).map_err(|_| "no spile.toml here or above")?;
//! assert_eq!(project.root(), root);
//! project.integrations(&mut problems);
//! assert!(problems.any_error());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod agreements;
pub mod files;
pub mod keys;
pub mod machine;
pub mod net;
pub mod processes;
pub mod stores;

use std::sync::Arc;

use jiff::Timestamp;

use spile_core::name::EnvironmentName;
use spile_core::problem::Report;
use spile_core::record::Entry;
use spile_core::settings::{self, Agreement, ProjectSettings, Variables};
use spile_core::source::Placed;

pub use agreements::Agreements;
pub use files::discoveries::Discoveries;
pub use files::meltano_file::MeltanoFile;
pub use files::output_file::OutputFiles;
pub use files::project::Project;
pub use files::rendered::Rendered;
pub use files::user_files::UserFolders;
pub use keys::Keys;
pub use net::authorities::Authorities;
pub use net::jwks::Jwks;
pub use net::notify::Notifier;
pub use processes::child_environment::ChildEnvironment;
pub use processes::meltano::Meltano;
pub use processes::sops_program::Program;
pub use stores::audit::{Audit, Deed};
pub use stores::delivery_log::Alerts;
pub use stores::local::Local;
pub use stores::memory::Memory;
pub use stores::read_alerts::SeenAlerts;
pub use stores::registry::{Registry, Unmanaged};
pub use stores::rotated_secrets::{RotatedOf, Rotations};
pub use stores::runs::Runs;
pub use stores::state_changes::{NotRemembered, StateChanges};
pub use stores::supabase::{Supabase, SupabaseError};
pub use stores::target::{Origin, Target, TargetError};
pub use stores::tokens::Tokens;

/// The handles that operations use for everything outside the program, in one environment.
#[derive(Clone)]
pub struct World {
    /// The project's folder.
    pub project: Project,
    /// The registry that keeps the rows.
    pub registry: Arc<dyn Registry>,
    /// The same registry if it is hosted, for operations that only hosted registries support.
    pub supabase: Option<Arc<Supabase>>,
    /// The store of runs.
    pub runs: Arc<dyn Runs>,
    /// The log of what was sent to channels.
    pub alerts: Arc<dyn Alerts>,
    /// Sends messages to channels.
    pub notifier: Notifier,
    /// `meltano.yml`.
    pub meltano_file: Arc<dyn Target<Record = Entry>>,
    /// The other files that are rendered next to `meltano.yml`.
    pub outputs: OutputFiles,
    /// The pinned Meltano.
    pub meltano: Meltano,
    /// The keys that decrypt secrets.
    pub keys: Arc<Keys>,
    /// Returns the current time.
    pub clock: fn() -> Timestamp,
}

/// What a world takes from the user's environment. The command line reads it once.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The keys that decrypt secrets.
    pub keys: Arc<Keys>,
    /// The variables that `spile.toml` may refer to.
    pub variables: Variables,
    /// Which secrets from the environment may be sent to which hosts.
    pub agreements: Arc<Agreements>,
    /// The environment that child processes get a part of.
    pub children: ChildEnvironment,
    /// The certificate authorities for the servers that spile itself talks to.
    pub authorities: Authorities,
}

impl Outside {
    /// Returns an environment without keys, variables or agreements.
    #[must_use]
    pub fn nothing() -> Self {
        let keys = Arc::new(Keys::new(keys::Places::default()));
        Self {
            keys,
            variables: Variables::none(),
            agreements: Arc::default(),
            children: ChildEnvironment::default(),
            authorities: Authorities::default(),
        }
    }
}

/// The stores of a registry, each as its own handle.
type Stores = (Arc<dyn Registry>, Arc<dyn Runs>, Arc<dyn Alerts>);

/// Why a world cannot be opened.
#[derive(Debug)]
pub enum NoWorld {
    /// `spile.toml` refers to something that does not exist or may not be read.
    Problems(Report),
    /// The user has not agreed to send the registry's key to the host that `spile.toml` names.
    NotAgreed(Box<Placed<Agreement>>),
    /// The registry's address or key is not valid.
    Supabase(SupabaseError),
}

impl World {
    /// Opens the handles that the settings name. Nothing is read, created or sent yet.
    ///
    /// # Errors
    /// When a variable that the registry needs is not set, may not be read or is not valid, or when the user has not
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
                let address = stores::supabase::Address::agreed(written, outside)?;
                let hosted = Supabase::new(address, &settings.name, environment, &project.own_folder());
                let hosted = Arc::new(hosted.map_err(NoWorld::Supabase)?);
                supabase = Some(hosted.clone());
                (hosted.clone(), hosted.clone(), hosted)
            }
        };
        Ok(Self { supabase, alerts, ..Self::with(project, settings, registry, runs, outside) })
    }

    /// Opens all handles except the registry's, which is replaced by an empty one in memory. This needs no variables.
    #[must_use]
    pub fn offline(project: &Project, settings: &ProjectSettings, outside: &Outside) -> Self {
        let (registry, runs) = (Arc::new(Memory::default()), Arc::new(stores::memory::MemoryRuns::default()));
        Self::with(project, settings, registry, runs, outside)
    }

    /// Opens an isolated world for an untrusted project: without a registry, variables or keys, and without the files
    /// that spile keeps in the project's folder.
    #[must_use]
    pub fn untrusted(project: &Project, settings: &ProjectSettings) -> Self {
        Self::offline(&project.clone().untrusted(), settings, &Outside::nothing())
    }

    fn with(
        project: &Project,
        settings: &ProjectSettings,
        registry: Arc<dyn Registry>,
        runs: Arc<dyn Runs>,
        outside: &Outside,
    ) -> Self {
        Self {
            project: project.clone(),
            supabase: None,
            runs,
            registry,
            alerts: Arc::new(stores::memory::MemoryAlerts::default()),
            notifier: Notifier::new(outside),
            meltano: Meltano::new(project.root(), settings),
            meltano_file: Arc::new(MeltanoFile::new(project)),
            outputs: OutputFiles::new(project, settings.outputs.iter().map(|output| output.path.clone()).collect()),
            keys: outside.keys.clone(),
            clock: Timestamp::now,
        }
    }
}
