//! A probe: reads a source, and is no run. It stores no bookmark, changes no status, and uses neither the loader nor the
//! registry.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::invocation::{self, Invocation};
use super::{Error, Loaded, Tell};
use spile_core::integration::Integration;
use spile_core::name::EnvironmentName;
use spile_core::run::StreamFilter;
use spile_world::World;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Hold, Host, NotHeld, Request, keep_logs};

/// How many logs of a kind are kept for an integration.
const LOGS: u16 = 5;

/// What a probe reads, and how.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// The environment.
    pub environment: EnvironmentName,
    /// Which of the selected streams.
    pub streams: Vec<String>,
    /// The timeout.
    pub timeout: Duration,
    /// What of the machine's environment children are given.
    pub host: Host,
    /// Becomes true when the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// A probe of the source of an integration.
pub(super) struct Probe<'a> {
    pub world: &'a World,
    pub loaded: &'a Loaded,
    pub integration: &'a Arc<Integration>,
    pub options: &'a ProbeOptions,
    run: Uuid,
    /// Apart from the logs of runs, which it must not push out.
    pub log: PathBuf,
}

impl<'a> Probe<'a> {
    /// Installs Meltano if it is missing. `kind` names the folder of the logs.
    pub async fn new(
        world: &'a World,
        loaded: &'a Loaded,
        integration: &'a Arc<Integration>,
        options: &'a ProbeOptions,
        kind: &str,
        tell: Tell<'_>,
    ) -> Result<Self, Error> {
        invocation::install(world, &options.host, &options.interrupt, tell).await?;
        let run = Uuid::new_v4();
        let folder = Path::new(OWN_FOLDER).join("logs").join(integration.slug.as_str()).join(kind);
        Ok(Self { world, loaded, integration, options, run, log: folder.join(format!("{run}.log")) })
    }

    /// Returns the request of an invocation without a loader.
    pub async fn request(&self) -> Result<Request, Error> {
        let ProbeOptions { environment, .. } = self.options;
        let special = Invocation {
            run: self.run,
            environment: environment.clone(),
            log: self.log.clone(),
            timeout: Some(self.options.timeout),
            host: self.options.host.clone(),
            hold: None,
        };
        let mut request = invocation::request(self.world, self.loaded, self.integration, None, special).await?;
        let names = invocation::named_variables(self.integration, environment);
        invocation::require(self.world, &request, self.integration, names)?;
        let filter = StreamFilter { only: self.options.streams.clone(), refresh: Vec::new() };
        invocation::narrow(&mut request, &filter);
        Ok(request)
    }

    /// Keeps runs out, because Meltano gives a tap its state and its catalog in files that are named after the plugin only.
    pub fn hold(&self, request: &Request) -> Result<Arc<Hold>, NotHeld> {
        self.world.meltano.hold(self.run, &request.environment, vec![request.extractor.clone()])
    }

    /// Removes the oldest logs of this kind.
    pub fn keep_logs(&self) {
        keep_logs(self.world.project.root(), &self.log, LOGS);
    }
}
