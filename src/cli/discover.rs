//! `spile discover`

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::signals::pass_on;
use super::times::duration;
use super::{Global, Output, exit, host};
use spile_core::discovered::Change;
use spile_core::name::EnvironmentName;
use spile_ops::contract::{self, Checked, IntegrationLabel};
use spile_ops::discover::{Freshness, Offer, Options};
use spile_ops::notify::Watched;
use spile_ops::{self as ops, Error, Loaded};
use spile_view as view;
use spile_world::World;

/// The default timeout of a tap: a large Salesforce takes minutes.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// Show the streams and fields that a source offers and which are selected; accept schema changes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the integration
    #[arg(required_unless_present = "due")]
    slug: Option<String>,
    /// Show the fields of this stream; patterns work as in `select`
    #[arg(conflicts_with_all = ["changes", "accept", "due"])]
    stream: Option<String>,
    /// Ask the source again even if the saved catalog is still fresh
    #[arg(long, conflicts_with = "due")]
    refresh: bool,
    #[command(flatten)]
    contract: ContractArgs,
    /// Ask every source with a contract whose catalog is older than `[sync] catalog`; exit with 1 if a change awaits a decision
    #[arg(long, conflicts_with = "slug")]
    due: bool,
    /// Timeout, in seconds or like `2h` [default: 10 minutes]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// How to handle changes in a source
#[derive(Debug, clap::Args)]
struct ContractArgs {
    /// Show what changed since the contract was accepted, or between catalogs if there is no contract
    #[arg(long, conflicts_with = "due")]
    changes: bool,
    /// Accept the source as it is now: write `contracts/NAME.ENV.toml`, after showing the changes and asking
    #[arg(long, conflicts_with_all = ["changes", "due"])]
    accept: bool,
    /// Skip the confirmation prompt
    #[arg(short, long, requires = "accept")]
    yes: bool,
}

impl Args {
    /// Tells whether the command writes no file of the project.
    pub(super) fn only_reads(&self) -> bool {
        !self.contract.accept
    }

    fn options(&self, environment: EnvironmentName, interrupt: watch::Receiver<bool>) -> Options {
        Options {
            environment,
            freshness: if self.refresh { Freshness::Asked } else { Freshness::Kept },
            timeout: Some(self.timeout.unwrap_or(PATIENCE)),
            host: host(),
            interrupt,
        }
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let Some(slug) = &args.slug else { return due(args, global, output).await };
    let (loaded, world, environment) = global.offline(output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let options = args.options(environment, interrupt);
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let offer = ops::discover(&world, &loaded, slug, &options, &mut tell).await;
    signals.abort();
    let offer = offer?;
    let named = IntegrationLabel::of(&loaded, &offer.integration, &options.environment);
    if args.contract.accept {
        return accept(&world, &offer, &named, args.contract.yes, output);
    }
    if args.contract.changes {
        let history = contract::history(&world.project, &offer.integration, &named.environment, &offer.discovered)?;
        let text = || view::changes::text(&named, &history, &TimeZone::system());
        output.result(text, &view::changes::history(&named, &history));
        return Ok(0);
    }
    let shown = ops::discover::shown(&offer, args.stream.as_deref())?;
    let text = || match &args.stream {
        Some(_) => view::discover::fields(&shown),
        None => view::discover::streams(&offer, &shown, &TimeZone::system()),
    };
    output.result(text, &view::discover::data(&offer, &shown));
    Ok(0)
}

/// Writes the contract of a source, after showing the changes and asking.
fn accept(world: &World, offer: &Offer, named: &IntegrationLabel, yes: bool, output: &mut Output) -> Result<u8, Error> {
    let acceptance = contract::acceptance(&world.project, &offer.integration, &named.environment, &offer.discovered)?;
    output
        .result(|| view::changes::acceptance(named, &acceptance), &view::changes::acceptance_data(named, &acceptance));
    if acceptance.edits.is_empty() {
        return Ok(0);
    }
    let question = format!("Accept this and write `{}`?", acceptance.path.display());
    if !yes && !output.confirm(&question) {
        return Err(Error::Declined);
    }
    acceptance.edits.write(&world.project)?;
    Ok(0)
}

/// Discovers the sources whose contracts are due, and notifies the channels of the results.
async fn due(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment): (Arc<Loaded>, World, EnvironmentName) = global.open(output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let options = args.options(environment, interrupt);
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let checked = contract::check_due(&world, &loaded, &options, &mut tell).await;
    if checked.as_ref().is_ok_and(|checked| !checked.is_empty()) {
        ops::notify::watch(&world, Watched::of(&loaded, &options.environment), &mut tell).await;
    }
    signals.abort();
    let checked = checked?;
    let waits = |one: &Checked| one.changes.as_ref().map_or(true, |changes| changes.iter().any(Change::is_open));
    let code = if checked.iter().any(waits) { exit::FAILED } else { 0 };
    output.result(|| view::changes::checked(&checked), &view::changes::checked_data(&checked));
    Ok(code)
}
