//! Everything outside: one file for each outside system, and one handle on each here.

pub mod command;
pub mod editor;
pub mod git;
pub mod keys;
pub mod local;
pub mod meltano;
pub mod meltano_file;
pub mod memory;
pub mod project;
pub mod runs;
pub mod sops_program;
pub mod target;

use std::sync::Arc;

use jiff::Timestamp;

use crate::name::EnvironmentName;
use crate::record::{Entry, Row};
use crate::settings::{ProjectSettings, RegistryKind};

pub use keys::Keys;
pub use local::Local;
pub use meltano::Meltano;
pub use meltano_file::MeltanoFile;
pub use memory::Memory;
pub use project::Project;
pub use runs::Runs;
pub use sops_program::Program;
pub use target::{Origin, Target, TargetError};

/// The handles on everything outside that operations need, in one environment.
#[derive(Clone)]
pub struct World {
    /// The project's folder.
    pub project: Project,
    /// Where rows are kept.
    pub registry: Arc<dyn Target<Record = Row>>,
    /// Where runs are kept.
    pub runs: Arc<dyn Runs>,
    /// `meltano.yml`
    pub meltano_file: Arc<dyn Target<Record = Entry>>,
    /// The pinned Meltano.
    pub meltano: Meltano,
    /// The keys that open secrets.
    pub keys: Arc<Keys>,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

impl World {
    /// Opens the handles that the settings name; nothing is read or made yet.
    #[must_use]
    pub fn open(
        project: &Project,
        settings: &ProjectSettings,
        environment: &EnvironmentName,
        keys: &Arc<Keys>,
    ) -> Self {
        let RegistryKind::Local = settings.registry;
        let registry = Arc::new(Local::new(project.registry_path(), &settings.name, environment));
        Self {
            project: project.clone(),
            runs: registry.clone(),
            registry,
            meltano: Meltano::new(project.root(), &settings.meltano_version),
            meltano_file: Arc::new(MeltanoFile::new(project)),
            keys: keys.clone(),
            clock: Timestamp::now,
        }
    }
}
