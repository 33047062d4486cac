//! `verify`: compares the destination of an integration with its source.

mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::invocation::{self, Invocation};
use super::run::{self, Claim, LOADER, NO_LOADER, NotHere, WhenBusy};
use super::{Error, Event, Loaded, Tell, discover};
use spile_core::connector::Role;
use spile_core::discovered::{Stream, near_stream};
use spile_core::integration::Integration;
use spile_core::integration::select::as_pattern;
use spile_core::name::{EnvironmentName, Slug};
use spile_core::run::Cause;
use spile_core::run::verify::{BothSides, Compared};
use spile_world::World;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Comparison, Host, Outcome, Question, Request, keep_logs};

pub use error::Error as VerifyError;

/// How many logs of comparisons are kept for each integration.
const LOGS: u16 = 5;

/// The plugins whose sources support comparisons, with the names of their built-in connectors.
const SOURCES: [(&str, &str); 2] = [("tap-postgres", "postgres"), ("tap-mysql", "mysql")];

/// The options of a comparison.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// The streams. Without any, all selected streams are compared.
    pub streams: Vec<String>,
    /// How many rows of each stream have their values compared.
    pub sample: u32,
    /// The time limit.
    pub timeout: Option<Duration>,
    /// What to do if another run uses the integration.
    pub when_busy: WhenBusy,
    /// The parts of the machine's environment that children get.
    pub host: Host,
    /// Turns true when the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// The result of a comparison.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The integration.
    pub slug: Slug,
    /// The streams that were compared, by name.
    pub streams: Vec<(String, Compared)>,
}

impl Verified {
    /// Returns an error if rows are missing or different.
    #[must_use]
    pub fn fault(&self) -> Option<VerifyError> {
        let wrong = self.streams.iter().filter(|(_, compared)| !compared.is_sound());
        let streams: Vec<String> = wrong.map(|(name, _)| name.clone()).collect();
        (!streams.is_empty()).then(|| VerifyError::Differs { slug: self.slug.clone(), streams })
    }
}

/// Compares the source of an integration with its destination: the number of rows of each stream, the ranges of its keys,
/// and the values of some rows. Each side is queried by its plugin's own code, in the plugin's own environment.
///
/// # Errors
/// When no integration has the name, its connector does not support comparisons, or the comparison fails. Differences are
/// not an error here: see [`Verified::fault`].
pub async fn verify(
    world: &World,
    loaded: &Loaded,
    name: &str,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Verified, Error> {
    let integration = loaded.named(name)?;
    let target = target(loaded, integration, &options.environment)?;
    invocation::install(world, &options.host, &options.interrupt, tell).await?;
    let (mut stopped, lost) = run::stopped_when_lost(options.interrupt.clone());
    let claim = Claim {
        world,
        run: Uuid::new_v4(),
        integration,
        loader: Some(target),
        environment: &options.environment,
        when_busy: options.when_busy,
        interrupt: &stopped.clone(),
    };
    let slug = integration.slug.clone();
    let held = match claim.held(&lost, tell).await? {
        Ok(held) => held,
        Err(NotHere::Busy(busy)) => return Err(VerifyError::Busy { slug, busy }.into()),
        Err(NotHere::Left | NotHere::Stopped) => return Err(VerifyError::Interrupted { slug }.into()),
    };
    let comparing = Comparing { world, slug: &slug, options, log: log(&slug, claim.run) };
    let special = Invocation {
        run: claim.run,
        environment: options.environment.clone(),
        log: comparing.log.clone(),
        timeout: options.timeout,
        host: options.host.clone(),
        hold: held.hold.clone(),
    };
    let asked = match invocation::request(world, loaded, integration, Some(target), special).await {
        Ok(request) => comparing.ask(&request, &mut stopped, tell).await,
        Err(error) => Err(error),
    };
    held.give_back().await;
    keep_logs(world.project.root(), &comparing.log, LOGS);
    let answer = comparing.answer(asked?)?;
    comparing.refuse_unknown(&answer)?;
    Ok(Verified { slug, streams: answer.streams.into_iter().collect() })
}

/// Returns the loader of an integration whose source supports comparisons.
fn target<'a>(
    loaded: &'a Loaded,
    integration: &Integration,
    environment: &EnvironmentName,
) -> Result<&'a Arc<Integration>, Error> {
    let slug = integration.slug.clone();
    if integration.role() == Role::Loader {
        let (reason, help) = LOADER;
        return Err(Error::NotRunnable { slug, reason: reason.into(), help: help.into() });
    }
    let target = integration.at(environment).loader.as_ref();
    let Some(target) = target.and_then(|slug| loaded.integrations.find(slug.as_str())) else {
        let (reason, help) = NO_LOADER;
        return Err(Error::NotRunnable { slug, reason: reason.into(), help: help.into() });
    };
    let plugin = &integration.connector.plugin.name;
    if SOURCES.iter().any(|(can, _)| can == plugin) {
        return Ok(target);
    }
    let names = SOURCES.map(|(_, connector)| format!("`{connector}`")).join(" and ");
    Err(VerifyError::Unsupported { slug, connector: integration.connector.head.name.clone(), names }.into())
}

/// Returns the path of the log. It is not among the logs of runs, so that it does not push them out.
fn log(slug: &Slug, id: Uuid) -> PathBuf {
    Path::new(OWN_FOLDER).join("logs").join(slug.as_str()).join("verify").join(format!("{id}.log"))
}

/// A running comparison.
struct Comparing<'a> {
    world: &'a World,
    slug: &'a Slug,
    options: &'a Options,
    log: PathBuf,
}

impl Comparing<'_> {
    async fn ask(
        &self,
        request: &Request,
        stopped: &mut watch::Receiver<bool>,
        tell: Tell<'_>,
    ) -> Result<Comparison, Error> {
        let meltano = &self.world.meltano;
        if !meltano.is_ready(request) {
            tell(Event::Preparing { slug: self.slug.clone() });
            meltano.make_ready(request, stopped).await?;
        }
        tell(Event::Comparing { slug: self.slug.clone() });
        let question = Question { streams: self.options.streams.clone(), sample: self.options.sample };
        Ok(meltano.compare(request, &question, stopped).await?)
    }

    fn answer(&self, asked: Comparison) -> Result<BothSides, VerifyError> {
        let slug = self.slug.clone();
        match asked.outcome {
            Outcome::Succeeded => {}
            Outcome::Interrupted => return Err(VerifyError::Interrupted { slug }),
            Outcome::TimedOut { after } => return Err(VerifyError::TimedOut { slug, seconds: after.as_secs() }),
            Outcome::Failed { message, cause } => return Err(self.failed(message, cause)),
        }
        let answer: BothSides = serde_json::from_slice(&asked.answer)
            .map_err(|error| self.failed(format!("the answer cannot be read: {error}"), Cause::Crash))?;
        match answer.failed {
            Some(why) => Err(self.failed(why.clone(), Cause::of(&why))),
            None => Ok(answer),
        }
    }

    fn failed(&self, message: String, cause: Cause) -> VerifyError {
        let help = discover::help(cause, self.slug, &self.log);
        VerifyError::Failed { slug: self.slug.clone(), message, help }
    }

    /// Refuses streams that the source does not offer, or that are not selected.
    fn refuse_unknown(&self, answer: &BothSides) -> Result<(), VerifyError> {
        for name in &self.options.streams {
            let (slug, stream) = (self.slug.clone(), name.clone());
            match answer.known.get(name) {
                Some(true) => {}
                Some(false) => {
                    let pattern = format!("{}.*", as_pattern(name));
                    return Err(VerifyError::NotRead { slug, stream, pattern });
                }
                None => {
                    let read = answer.known.iter().filter(|(_, is_read)| **is_read);
                    let streams: Vec<Stream> = read.map(|(name, _)| Stream::named(name)).collect();
                    return Err(VerifyError::NoStream { slug, stream, help: near_stream(name, &streams) });
                }
            }
        }
        Ok(())
    }
}
