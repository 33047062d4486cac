//! `spile up`

use tokio::sync::watch;

use super::run::{Pace, show};
use super::signals::pass_on;
use super::{Global, Output, apply};
use spile_ops::{self as ops, Error, Event};

/// Do everything: check, plan, apply, install Meltano and the plugins, test, sync
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    consent: apply::Consent,
}

/// Performs all steps; a failed test stops before the syncs.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let planned = ops::plan::Options::everything(environment.clone());
    let plan = ops::plan(&world, &loaded, &planned).await?;
    let data = super::plan::data(&plan, &loaded);
    let proposal = apply::Proposal { plan: &plan, data: &data };
    let apply = apply::agree(&world, &loaded, proposal, &args.consent, output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let mut run = Pace::of_the_project().options(&loaded.settings.sync, environment);
    run.interrupt = interrupt;
    let (mut interrupted, mut signals) = (Some(interrupted), None);
    let mut tell = |event: Event| {
        // Until then, a signal ends the program, even if a registry does not answer.
        if event == Event::StartingRuns {
            signals = interrupted.take().map(|interrupted| tokio::spawn(pass_on(interrupted)));
        }
        output.event(&event);
    };
    let runs = ops::up(&world, &loaded, &plan, &ops::up::Options { apply, run }, &mut tell).await;
    if let Some(signals) = signals {
        signals.abort();
    }
    Ok(show(&world, &loaded, &runs?, output))
}
