//! The sources of a definition: a file, standard input, the built-in connectors, the hub, or a tap itself.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::Output;
use crate::cli::signals::pass_on;
use crate::cli::times::duration;
use crate::cli::{host, variable, variable_os};
use spile_core::definition::{DefinitionHints, MOST_BYTES};
use spile_core::problem::Problems;
use spile_core::settings::{self, RunEnvironment};
use spile_core::source::Source;
use spile_ops::{Error, connectors};
use spile_world::files::door::read_named;
use spile_world::files::io_error::IoError;
use spile_world::net::hub::{Address, Hub};
use spile_world::{Authorities, Project, processes::meltano};

/// How long installing a tap and then asking it may each take by default.
const PATIENCE: Duration = Duration::from_mins(5);

/// How to ask `pip:REQUIREMENT`.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// Which executable to ask if `pip:REQUIREMENT` installs several
    #[arg(long)]
    executable: Option<String>,
    /// Timeout of `pip:REQUIREMENT`, in seconds or like `2h` [default: 5 minutes]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

impl How {
    /// Fetches a definition, and completes the hints with what its source says.
    pub(super) async fn fetch(
        &self,
        from: &str,
        project: &Project,
        asked: &mut DefinitionHints,
        output: &mut Output,
    ) -> Result<Source, Error> {
        if let Some(requirement) = from.strip_prefix("pip:") {
            return self.ask(requirement, project, asked, output).await;
        }
        if let Some(name) = from.strip_prefix("hub:") {
            if let Some(source) = connectors::hub(project, name, asked)? {
                return Ok(source);
            }
            let hub = Hub::new(&Address::of(None, variable), &Authorities::of(variable_os))?;
            return connectors::download(&hub, name, asked).await;
        }
        if let Some(name) = from.strip_prefix(connectors::BUILT_IN) {
            return connectors::built_in(name, asked);
        }
        connectors::read(from, bytes(from)?)
    }

    async fn ask(
        &self,
        requirement: &str,
        project: &Project,
        asked: &mut DefinitionHints,
        output: &mut Output,
    ) -> Result<Source, Error> {
        let host = host();
        let run = run_environment(project);
        let question = meltano::AboutQuestion {
            requirement,
            executable: self.executable.as_deref(),
            root: project.root(),
            host: &host,
            run: &run,
            timeout: self.timeout.unwrap_or(PATIENCE),
        };
        let (interrupted, mut interrupt) = watch::channel(false);
        let signals = tokio::spawn(pass_on(interrupted));
        let said = connectors::about(&question, asked, &mut interrupt, &mut |event| output.event(&event)).await;
        signals.abort();
        said
    }
}

/// Returns which variables the project passes on; the defaults if its settings cannot be read.
fn run_environment(project: &Project) -> RunEnvironment {
    let mut problems = Problems::default();
    let settings = project.settings(&mut problems).and_then(|source| settings::read(&source, &mut problems));
    settings.map(|settings| settings.run).unwrap_or_default()
}

fn bytes(from: &str) -> Result<Vec<u8>, Error> {
    if from != "-" {
        let path = Path::new(from);
        return read_named(path).map_err(|why| Error::of_named(path, why));
    }
    let io = IoError::of("read", from);
    let mut bytes = Vec::new();
    // One byte more than the limit shows that the definition is too large.
    io::stdin().take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}
