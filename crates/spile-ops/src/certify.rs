//! `connectors certify`: reads the source of an integration several times, kills its tap in between, and grades what arrives.
//!
//! Separate from runs, because it is none: it stores no bookmark, changes no status, and uses neither the loader nor the
//! registry.

mod error;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::discover::{self, Freshness, help};
use super::invocation::{self, Invocation};
use super::run::{CANNOT_SELECT, LOADER};
use super::{Error, Event, Loaded, Tell};
use spile_core::connector::{Connector, Role};
use spile_core::discovered::{Stream, can_select};
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::problem::did_you_mean;
use spile_core::run::StreamFilter;
use spile_core::run::certify::{Certificate, CertifiedPlugin, Discoveries, Measured, Subject};
use spile_world::World;
use spile_world::files::certificates::Certificates;
use spile_world::files::io_error::IoError;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Catalog, Hold, Host, NotHeld, Outcome, Request, keep_logs};

pub use error::Error as CertifyError;

/// How many logs are kept for an integration.
const LOGS: u16 = 5;

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// The most restarts.
    pub states: u32,
    /// Which of the selected streams.
    pub streams: Vec<String>,
    /// The timeout.
    pub timeout: Duration,
    /// What of the machine's environment children are given.
    pub host: Host,
    /// Becomes true when the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// Returns the integration whose settings and secrets a certification of a connector uses: the named one, or the only one
/// of that connector.
///
/// # Errors
/// When the connector or the integration does not exist, they do not belong together, or the choice is not clear.
pub fn subject<'a>(loaded: &'a Loaded, connector: &str, named: Option<&str>) -> Result<&'a Arc<Integration>, Error> {
    let is_of = |one: &Integration| one.connector.head.name == connector && one.role() == Role::Extractor;
    if let Some(name) = named {
        let integration = loaded.named(name)?;
        if is_of(integration) {
            return Ok(integration);
        }
        if integration.role() == Role::Loader {
            return Err(not_runnable(integration, LOADER.0, "name an extractor with `--config`"));
        }
        let (slug, own) = (integration.slug.clone(), integration.connector.head.name.clone());
        return Err(CertifyError::OtherConnector { slug, own, connector: connector.to_owned() }.into());
    }
    let mut all = loaded.integrations.iter().filter(|one| is_of(one));
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => {
            let slugs = [first, second].into_iter().chain(all).map(|one| one.slug.clone()).collect();
            Err(CertifyError::Several { connector: connector.to_owned(), slugs }.into())
        }
        (None, _) => Err(unused(loaded, connector)),
    }
}

/// Explains why no integration fits: the name is wrong, or the connector is not used yet.
fn unused(loaded: &Loaded, connector: &str) -> Error {
    let used = loaded.integrations.iter().filter(|one| one.role() == Role::Extractor);
    let near = did_you_mean(connector, used.map(|one| one.connector.head.name.as_str()));
    CertifyError::Unused {
        connector: connector.to_owned(),
        help: near.unwrap_or_else(|| {
            format!("make an integration of it with `spile new --type {connector}`: its settings and secrets are used")
        }),
    }
    .into()
}

fn not_runnable(integration: &Integration, reason: &'static str, help: &'static str) -> Error {
    Error::NotRunnable { slug: integration.slug.clone(), reason: reason.into(), help: help.into() }
}

/// Grades the tap of an integration, and stores the certificate for the catalog of connectors on this machine.
///
/// # Errors
/// When its tap cannot be installed, fails before anything can be compared, or something else runs it.
pub async fn certify(
    world: &World,
    loaded: &Loaded,
    integration: &Arc<Integration>,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Certificate, Error> {
    if !options.streams.is_empty() && !can_select(integration) {
        return Err(not_runnable(integration, CANNOT_SELECT, "certify it without `--stream`"));
    }
    invocation::install(world, &options.host, &options.interrupt, tell).await?;
    let run = Uuid::new_v4();
    let log = log(integration, run);
    let certifier = Certifier { world, loaded, integration, options, run, log: &log };
    let done = certifier.certify(tell).await;
    keep_logs(world.project.root(), &log, LOGS);
    done
}

/// Apart from the logs of runs, which it must not push out.
fn log(integration: &Integration, run: Uuid) -> PathBuf {
    Path::new(OWN_FOLDER).join("logs").join(integration.slug.as_str()).join("certify").join(format!("{run}.log"))
}

/// One certification.
struct Certifier<'a> {
    world: &'a World,
    loaded: &'a Loaded,
    integration: &'a Arc<Integration>,
    options: &'a Options,
    run: Uuid,
    log: &'a Path,
}

impl Certifier<'_> {
    async fn certify(&self, tell: Tell<'_>) -> Result<Certificate, Error> {
        let mut request = self.request().await?;
        let meltano = &self.world.meltano;
        let mut interrupt = self.options.interrupt.clone();
        if !meltano.is_ready(&request) {
            tell(Event::Preparing { slug: self.slug() });
            meltano.make_ready(&request, &mut interrupt).await?;
        }
        request.hold = Some(self.hold(&request)?);
        let discoveries = self.discover(&mut request, tell).await?;
        tell(Event::Certifying { slug: self.slug() });
        let reads = meltano.certify(&request, self.options.states, &mut interrupt).await?;
        self.judge(reads.outcome)?;
        let measured = measured(&reads.answer).ok_or_else(|| self.failed("it was not certified".to_owned()))?;
        let certificate = Certificate::of(self.subject(&request), &measured, &discoveries);
        // A grade for some streams only is no grade of the connector.
        if self.options.streams.is_empty() {
            let certificates = Certificates::of(&self.world.project.own_folder());
            certificates.keep(&certificate).map_err(IoError::of("write", OWN_FOLDER))?;
        }
        Ok(certificate)
    }

    /// Asks the tap twice what its source offers. Its first answer is the catalog of all reads.
    async fn discover(&self, request: &mut Request, tell: Tell<'_>) -> Result<Discoveries, Error> {
        let can = &self.integration.connector.plugin.capabilities;
        if !can.is_empty() && !can.iter().any(|one| one == "discover") {
            return Ok(Discoveries::Unsupported);
        }
        let options = discover::Options {
            environment: self.options.environment.clone(),
            freshness: Freshness::Asked,
            timeout: Some(self.options.timeout),
            host: self.options.host.clone(),
            interrupt: self.options.interrupt.clone(),
        };
        let first = discover::asked(self.world, self.loaded, self.integration, &options, tell).await?;
        let second = discover::asked(self.world, self.loaded, self.integration, &options, tell).await?;
        if let Some(catalog) = first.catalog {
            request.catalog = Catalog::Given(catalog);
        }
        Ok(compared(&first.discovered.streams, &second.discovered.streams))
    }

    async fn request(&self) -> Result<Request, Error> {
        let Options { environment, .. } = self.options;
        let special = Invocation {
            run: self.run,
            environment: environment.clone(),
            log: self.log.to_owned(),
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

    /// Keeps syncs out, because Meltano gives a tap its state and its catalog in files that are named after the plugin only.
    fn hold(&self, request: &Request) -> Result<Arc<Hold>, Error> {
        let plugins = vec![request.extractor.clone()];
        let held = self.world.meltano.hold(self.run, &request.environment, plugins);
        held.map_err(|refused| match refused {
            NotHeld::Failed(error) => error.into(),
            NotHeld::Busy(other) => {
                CertifyError::Busy { slug: self.slug(), run: other.run, process: other.process.id.to_string() }.into()
            }
        })
    }

    fn judge(&self, outcome: Outcome) -> Result<(), CertifyError> {
        match outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Interrupted => Err(CertifyError::Interrupted { slug: self.slug() }),
            Outcome::TimedOut { after } => Err(CertifyError::TimedOut { slug: self.slug(), seconds: after.as_secs() }),
            Outcome::Failed { message, cause } => {
                let help = help(cause, &self.integration.slug, self.log);
                Err(CertifyError::Failed { slug: self.slug(), message, help })
            }
        }
    }

    fn failed(&self, message: String) -> CertifyError {
        let help = format!("the full log is in `{}`", self.log.display());
        CertifyError::Failed { slug: self.slug(), message, help }
    }

    fn subject(&self, request: &Request) -> Subject {
        let plugin = request.plugins.iter().find(|(role, _)| *role == Role::Extractor).map(|(_, plugin)| plugin);
        let plugin = plugin.unwrap_or(&self.integration.connector.plugin);
        Subject {
            connector: self.integration.connector.head.name.clone(),
            plugin: CertifiedPlugin { name: plugin.name.clone(), pip_url: plugin.pip_url.clone() },
            integration: self.slug(),
            environment: self.options.environment.clone(),
            certified_at: (self.world.clock)(),
        }
    }

    fn slug(&self) -> Slug {
        self.integration.slug.clone()
    }
}

/// Compares two discoveries. The order of streams does not matter.
fn compared(first: &[Stream], second: &[Stream]) -> Discoveries {
    let lacks = |all: &[Stream], one: &&Stream| !all.contains(one);
    let mut different: Vec<String> =
        first.iter().filter(|one| lacks(second, one)).map(|one| one.name.clone()).collect();
    different.extend(second.iter().filter(|one| lacks(first, one)).map(|one| one.name.clone()));
    different.sort();
    different.dedup();
    if different.is_empty() { Discoveries::Equal } else { Discoveries::Different(different) }
}

/// Finds the answer among the lines that Meltano writes too.
fn measured(output: &[u8]) -> Option<Measured> {
    #[derive(serde::Deserialize)]
    #[serde(tag = "type")]
    enum Line {
        #[serde(rename = "CERTIFIED")]
        Certified(Measured),
    }
    let mut lines = output.split(|byte| *byte == b'\n');
    lines.find_map(|line| serde_json::from_slice(line).ok()).map(|Line::Certified(measured)| measured)
}

/// Returns the last certificate of a connector as it is defined now, if one was made on this machine.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn kept(own_folder: &Path, connector: &Connector) -> Result<Option<Certificate>, Error> {
    let plugin = CertifiedPlugin { name: connector.plugin.name.clone(), pip_url: connector.plugin.pip_url.clone() };
    let found = Certificates::of(own_folder).find(&connector.head.name, &plugin);
    Ok(found.map_err(IoError::of("read", OWN_FOLDER))?)
}

/// Returns the connectors that have a certificate on this machine.
///
/// # Errors
/// When a certificate cannot be read.
pub(crate) fn connectors(own_folder: &Path) -> Result<BTreeSet<String>, Error> {
    Ok(Certificates::of(own_folder).connectors().map_err(IoError::of("read", OWN_FOLDER))?)
}
