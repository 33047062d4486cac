//! `discover`: asks a source for its streams, and caches the answer.

mod error;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::invocation::{self, Invocation};
use super::secrets::rotated;
use super::{Error, Event, Loaded, Tell};
use spile_core::connector::{Plugin, Role};
use spile_core::discovered::tables::Writer;
use spile_core::discovered::{self, Discovered, Field, NoCatalog, Proposal, Rules, Stream, Taken};
use spile_core::integration::Integration;
use spile_core::integration::select::{Pattern, as_metadata_key, as_pattern};
use spile_core::name::EnvironmentName;
use spile_core::run::Cause;
use spile_world::files::io_error::IoError;
use spile_world::files::project::{OWN_FOLDER, own_folder_of};
use spile_world::processes::meltano::{Discovery, Host, Meltano, Outcome, Request, keep_logs};
use spile_world::{Discoveries, World};

pub(super) use error::help;

pub use error::Error as DiscoverError;

/// How many logs of discoveries are kept for each integration.
const LOGS: u16 = 5;

/// The options of a discovery.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether an earlier discovery is used.
    pub freshness: Freshness,
    /// The time limit.
    pub timeout: Option<Duration>,
    /// The parts of the machine's environment that children get.
    pub host: Host,
    /// Turns true when the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// Whether an earlier discovery is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// An earlier discovery is used, as long as nothing that it depends on has changed.
    Kept,
    /// The tap is always asked.
    Asked,
}

/// What a source offers, and what the integration takes from it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The integration.
    pub integration: Arc<Integration>,
    /// What the source offers.
    pub discovered: Discovered,
    /// The integration's selection from it.
    pub rules: Rules,
    /// The tables that its loader would create, by stream. Empty if the loader is not known.
    pub tables: BTreeMap<String, String>,
}

/// Returns what the source of an integration offers, from an earlier discovery or by asking its tap.
///
/// # Errors
/// When no integration has the name, or its tap cannot be asked, fails, or prints no catalog.
pub async fn discover(
    world: &World,
    loaded: &Loaded,
    name: &str,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Offer, Error> {
    let integration = loaded.named(name)?;
    refuse(integration)?;
    let ask = Ask { world, loaded, integration, options };
    let kept = match options.freshness {
        Freshness::Kept => found(world.project.root(), loaded, integration, &options.environment)?,
        Freshness::Asked => None,
    };
    let discovered = match kept {
        Some(kept) => kept,
        None => ask.answer(tell).await?.discovered,
    };
    let rules = Rules::of(integration, integration.at(&options.environment));
    let tables = tables(loaded, integration, &options.environment, &discovered.streams);
    Ok(Offer { integration: integration.clone(), discovered, rules, tables })
}

/// A new answer of a tap.
pub(super) struct DiscoveryAnswer {
    /// What its source offers, as it is stored.
    pub(super) discovered: Discovered,
    /// The catalog of the answer, for a run. `None` if stream or field names contain a secret, because the stored catalog
    /// then differs from it.
    pub(super) catalog: Option<Arc<Vec<u8>>>,
}

/// Asks the tap of an integration what its source offers, and stores the answer.
///
/// # Errors
/// When its tap cannot be asked, fails, or prints no catalog.
pub(super) async fn asked(
    world: &World,
    loaded: &Loaded,
    integration: &Arc<Integration>,
    options: &Options,
    tell: Tell<'_>,
) -> Result<DiscoveryAnswer, Error> {
    refuse(integration)?;
    Ask { world, loaded, integration, options }.answer(tell).await
}

/// Returns the tables that the loader of an integration would create for streams.
fn tables(
    loaded: &Loaded,
    integration: &Integration,
    environment: &EnvironmentName,
    streams: &[Stream],
) -> BTreeMap<String, String> {
    let target = integration.at(environment).loader.as_ref();
    let Some(target) = target.and_then(|slug| loaded.integrations.find(slug.as_str())) else { return BTreeMap::new() };
    let writer =
        Writer { integration, loader: target, environment, streams: Some(streams.iter().collect()), is_other: true };
    writer.tables().into_iter().map(|one| (one.stream.name.clone(), one.placement.name())).collect()
}

/// Returns the last discovery of an integration if it is still valid. Starts no process and needs no key.
///
/// # Errors
/// When a file cannot be read.
pub fn found(
    root: &Path,
    loaded: &Loaded,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<Option<Discovered>, Error> {
    let meltano = Meltano::new(root, &loaded.settings);
    let key = key(&meltano, loaded, integration, environment)?;
    let discoveries = Discoveries::of(&own_folder_of(root));
    let found = discoveries.find(&integration.slug, environment, &key);
    Ok(found.map_err(IoError::of("read", discoveries.path(&integration.slug, environment)))?)
}

pub(super) fn key(
    meltano: &Meltano,
    loaded: &Loaded,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<String, Error> {
    let plugin = plugin(loaded, integration);
    let mut installed = meltano.installed(Role::Extractor, &plugin)?;
    if integration.plugin.is_some() {
        // What the user's own template says about the plugin.
        installed.push(loaded.template.text().to_owned());
    }
    Ok(discovered::key(integration, environment, &plugin, &installed.join("\n")))
}

fn plugin(loaded: &Loaded, integration: &Integration) -> Plugin {
    invocation::installed(integration, &loaded.rendered)
}

/// A stream, as it is offered for selection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// The fields that identify a record.
    pub primary_key: Vec<String>,
    /// Whether it is selected by default. A database's system tables are not.
    pub is_usual: bool,
    /// The suggested way to read it.
    pub proposal: Proposal,
}

impl Offered {
    /// Returns the `select` pattern that selects the stream with all its fields.
    #[must_use]
    pub fn pattern(&self) -> String {
        format!("{}.*", as_pattern(&self.name))
    }

    /// Returns the metadata for reading only new records, after the key that matches the stream. `None` if the tap does
    /// that by itself, or cannot.
    #[must_use]
    pub fn metadata(&self) -> Option<(String, Value)> {
        let key = self.proposal.replication_key.as_ref().filter(|_| self.proposal.has_to_be_said)?;
        let rules = json!({ "replication-method": "INCREMENTAL", "replication-key": key });
        Some((as_metadata_key(&self.name), rules))
    }
}

impl Offer {
    /// Returns the streams as they are offered for selection: those that are selected by default come first.
    #[must_use]
    pub fn offered(&self) -> Vec<Offered> {
        let offered = |(stream, is_usual): (&Stream, bool)| Offered {
            name: stream.name.clone(),
            primary_key: stream.primary_key.clone(),
            is_usual,
            proposal: Proposal::of(stream),
        };
        let all = self.discovered.streams.iter().map(|stream| (stream, self.is_usual(stream)));
        let (usual, others): (Vec<_>, Vec<_>) = all.partition(|(_, is_usual)| *is_usual);
        usual.into_iter().chain(others).map(offered).collect()
    }

    /// Tells whether a stream is selected by default.
    fn is_usual(&self, stream: &Stream) -> bool {
        let select = &self.integration.connector.select;
        select.is_empty() || Rules::selecting(&select.iter().cloned().collect()).take(stream).0.is_read()
    }
}

/// A stream with the fields that are shown, and whether each is read.
#[derive(Debug, Clone)]
pub struct ShownStream<'a> {
    /// The stream.
    pub stream: &'a Stream,
    /// Whether it is read.
    pub taken: Taken,
    /// The table that its loader would create, if known.
    pub table: Option<&'a str>,
    /// Its fields.
    pub fields: Vec<(&'a Field, Taken)>,
}

/// Returns the part of an offer that is shown: all of it, or what matches a name or a pattern.
///
/// # Errors
/// When nothing matches.
pub fn shown<'a>(offer: &'a Offer, asked: Option<&str>) -> Result<Vec<ShownStream<'a>>, Error> {
    let streams = &offer.discovered.streams;
    let exact = asked.and_then(|asked| offer.discovered.stream(asked));
    let found = match (asked, exact) {
        (None, _) => discovered::matching(streams, &Pattern::parse("*")),
        (Some(_), Some(stream)) => vec![(stream, stream.fields.iter().collect())],
        (Some(asked), None) => discovered::matching(streams, &Pattern::parse(asked)),
    };
    if let Some(asked) = asked.filter(|_| found.iter().all(|(_, fields)| fields.is_empty()) && exact.is_none()) {
        let (slug, asked) = (offer.integration.slug.clone(), asked.to_owned());
        let help = discovered::near_stream(&asked, streams);
        return Err(DiscoverError::NoMatch { slug, asked, help }.into());
    }
    let shown = found.into_iter().map(|(stream, fields)| {
        let (taken, all) = offer.rules.take(stream);
        // Both lists are in the same order.
        let mut meant = fields.into_iter().peekable();
        let is_meant = |(field, _): &(&Field, Taken)| meant.next_if(|one| std::ptr::eq(*one, *field)).is_some();
        let fields = stream.fields.iter().zip(all).filter(is_meant).collect();
        let table = offer.tables.get(&stream.name).map(String::as_str);
        ShownStream { stream, taken, table, fields }
    });
    let mut shown: Vec<ShownStream<'_>> = shown.collect();
    // The user's tables come first, because a database has many more system tables.
    shown.sort_by_cached_key(|shown| !offer.is_usual(shown.stream));
    Ok(shown)
}

/// Refuses an integration that cannot discover streams.
fn refuse(integration: &Integration) -> Result<(), Error> {
    let slug = integration.slug.clone();
    if integration.role() == Role::Loader {
        let (reason, help) = ("is a loader, and loaders have no streams", "use an extractor");
        return Err(Error::NotRunnable { slug, reason: reason.into(), help: help.into() });
    }
    let can = &integration.connector.plugin.capabilities;
    // If the user's template defines the plugin, its connector need not list its capabilities.
    let is_unknown = can.is_empty() && integration.plugin.is_some();
    if is_unknown || can.iter().any(|one| one == "discover") {
        return Ok(());
    }
    Err(DiscoverError::Unsupported { slug, connector: integration.connector.head.name.clone() }.into())
}

/// A request to a tap.
struct Ask<'a> {
    world: &'a World,
    loaded: &'a Loaded,
    integration: &'a Arc<Integration>,
    options: &'a Options,
}

impl Ask<'_> {
    async fn answer(&self, tell: Tell<'_>) -> Result<DiscoveryAnswer, Error> {
        let slug = &self.integration.slug;
        let meltano = &self.world.meltano;
        let mut interrupt = self.options.interrupt.clone();
        invocation::install(self.world, &self.options.host, &interrupt, tell).await?;
        let log = self.log();
        let request = self.request(&log).await?;
        if !meltano.is_ready(&request) {
            tell(Event::Preparing { slug: slug.clone() });
            meltano.make_ready(&request, &mut interrupt).await?;
        }
        tell(Event::Discovering { slug: slug.clone() });
        let said = meltano.discover(&request, &mut interrupt).await;
        rotated::send_soon(self.world, &self.options.environment).await;
        let said = said?;
        keep_logs(self.world.project.root(), &log, LOGS);
        self.judge(&said.outcome, &log)?;
        let streams = discovered::read(&said.catalog).map_err(|why| self.no_catalog(why, &log))?;
        let catalog = for_a_run(&streams, said);
        // Only after the installation is it known which versions are installed.
        let key = key(meltano, self.loaded, self.integration, &self.options.environment)?;
        let discovered = Discovered { key, discovered_at: (self.world.clock)(), streams };
        let discoveries = Discoveries::of(&self.world.project.own_folder());
        let environment = &self.options.environment;
        let kept = discoveries.keep(slug, environment, &discovered);
        kept.map_err(IoError::of("write", &discoveries.path(slug, environment)))?;
        Ok(DiscoveryAnswer { discovered, catalog })
    }

    /// Returns the path of the log. It is not among the logs of runs, so that it does not push them out.
    fn log(&self) -> PathBuf {
        let folder = Path::new(OWN_FOLDER).join("logs").join(self.integration.slug.as_str()).join("discover");
        folder.join(format!("{}.log", Uuid::new_v4()))
    }

    async fn request(&self, log: &Path) -> Result<Request, Error> {
        let special = Invocation {
            run: Uuid::new_v4(),
            environment: self.options.environment.clone(),
            log: log.to_owned(),
            timeout: self.options.timeout,
            host: self.options.host.clone(),
            hold: None,
        };
        invocation::request(self.world, self.loaded, self.integration, None, special).await
    }

    fn judge(&self, outcome: &Outcome, log: &Path) -> Result<(), DiscoverError> {
        let slug = self.integration.slug.clone();
        match outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Interrupted => Err(DiscoverError::Interrupted { slug }),
            Outcome::TimedOut { after } => Err(DiscoverError::TimedOut { slug, seconds: after.as_secs() }),
            Outcome::Failed { message, cause } => {
                let help = error::help(*cause, &slug, log);
                Err(DiscoverError::Failed { slug, message: message.clone(), help })
            }
        }
    }

    fn no_catalog(&self, source: NoCatalog, log: &Path) -> DiscoverError {
        let slug = self.integration.slug.clone();
        let help = error::help(Cause::Output, &slug, log);
        DiscoverError::NoCatalog { slug, source, help }
    }
}

/// Returns the catalog that a run needs: the original one, if the stored one has the same content.
fn for_a_run(streams: &[Stream], said: Discovery) -> Option<Arc<Vec<u8>>> {
    let Some(came) = said.unstruck else { return Some(Arc::new(said.catalog)) };
    discovered::read(&came).is_ok_and(|came| came == streams).then(|| Arc::new(came))
}
