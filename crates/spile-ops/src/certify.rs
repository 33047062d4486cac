//! `connectors certify`: reads the source of an integration several times, kills its tap in between, and grades what arrives.
//!
//! Separate from runs, because it is none: see the module `probe`.

mod error;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::discover::{self, Freshness, help};
use super::probe::{Probe, ProbeOptions};
use super::run::{CANNOT_SELECT, LOADER};
use super::{Error, Event, Loaded, Tell};
use spile_core::connector::{Connector, Role};
use spile_core::discovered::{Stream, can_select};
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::problem::did_you_mean;
use spile_core::run::certify::{Certificate, CertifiedPlugin, Discoveries, Measured, Subject};
use spile_world::World;
use spile_world::files::certificates::Certificates;
use spile_world::files::io_error::IoError;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Catalog, Hold, NotHeld, Outcome, Request};

pub use error::Error as CertifyError;

/// What to read, and how often.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is read.
    pub probe: ProbeOptions,
    /// The most restarts.
    pub states: u32,
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
    if !options.probe.streams.is_empty() && !can_select(integration) {
        return Err(not_runnable(integration, CANNOT_SELECT, "certify it without `--stream`"));
    }
    let probe = Probe::new(world, loaded, integration, &options.probe, "certify", tell).await?;
    let certifier = Certifier { probe, states: options.states };
    let done = certifier.certify(tell).await;
    certifier.probe.keep_logs();
    done
}

/// One certification.
struct Certifier<'a> {
    probe: Probe<'a>,
    states: u32,
}

impl Certifier<'_> {
    async fn certify(&self, tell: Tell<'_>) -> Result<Certificate, Error> {
        let Probe { world, options, .. } = &self.probe;
        let mut request = self.probe.request().await?;
        let meltano = &world.meltano;
        let mut interrupt = options.interrupt.clone();
        if !meltano.is_ready(&request) {
            tell(Event::Preparing { slug: self.slug() });
            meltano.make_ready(&request, &mut interrupt).await?;
        }
        request.hold = Some(self.hold(&request)?);
        let discoveries = self.discover(&mut request, tell).await?;
        tell(Event::Certifying { slug: self.slug() });
        let reads = meltano.certify(&request, self.states, &mut interrupt).await?;
        self.judge(reads.outcome)?;
        let measured = measured(&reads.answer).ok_or_else(|| self.failed("it was not certified".to_owned()))?;
        let certificate = Certificate::of(self.subject(&request), &measured, &discoveries);
        // A grade for some streams only is no grade of the connector.
        if options.streams.is_empty() {
            let certificates = Certificates::of(&world.project.own_folder());
            certificates.keep(&certificate).map_err(IoError::of("write", OWN_FOLDER))?;
        }
        Ok(certificate)
    }

    /// Asks the tap twice what its source offers. Its first answer is the catalog of all reads.
    async fn discover(&self, request: &mut Request, tell: Tell<'_>) -> Result<Discoveries, Error> {
        let Probe { world, loaded, integration, options: of, .. } = &self.probe;
        let can = &integration.connector.plugin.capabilities;
        if !can.is_empty() && !can.iter().any(|one| one == "discover") {
            return Ok(Discoveries::Unsupported);
        }
        let options = discover::Options {
            environment: of.environment.clone(),
            freshness: Freshness::Asked,
            timeout: Some(of.timeout),
            host: of.host.clone(),
            interrupt: of.interrupt.clone(),
        };
        let first = discover::asked(world, loaded, integration, &options, tell).await?;
        let second = discover::asked(world, loaded, integration, &options, tell).await?;
        if let Some(catalog) = first.catalog {
            request.catalog = Catalog::Given(catalog);
        }
        Ok(compared(&first.discovered.streams, &second.discovered.streams))
    }

    fn hold(&self, request: &Request) -> Result<Arc<Hold>, Error> {
        self.probe.hold(request).map_err(|refused| match refused {
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
                let help = help(cause, &self.slug(), &self.probe.log);
                Err(CertifyError::Failed { slug: self.slug(), message, help })
            }
        }
    }

    fn failed(&self, message: String) -> CertifyError {
        let help = format!("the full log is in `{}`", self.probe.log.display());
        CertifyError::Failed { slug: self.slug(), message, help }
    }

    fn subject(&self, request: &Request) -> Subject {
        let plugin = request.plugins.iter().find(|(role, _)| *role == Role::Extractor).map(|(_, plugin)| plugin);
        let connector = &self.probe.integration.connector;
        let plugin = plugin.unwrap_or(&connector.plugin);
        Subject {
            connector: connector.head.name.clone(),
            plugin: CertifiedPlugin { name: plugin.name.clone(), pip_url: plugin.pip_url.clone() },
            integration: self.slug(),
            environment: self.probe.options.environment.clone(),
            certified_at: (self.probe.world.clock)(),
        }
    }

    fn slug(&self) -> Slug {
        self.probe.integration.slug.clone()
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
