//! `spile up`

use super::{Global, Output, apply, run};
use spile_core::run::RunKind;
use spile_ops::{self as ops, Error};

/// Do everything: check, plan, apply, install Meltano and the plugins, test, sync
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    consent: apply::Consent,
}

/// Does the whole job; a test that fails stops it before the syncs.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let planned = ops::plan::Options::everything(environment.clone());
    let plan = ops::plan(&world, &loaded, &planned).await?;
    let data = super::plan::data(&plan, &loaded);
    let proposal = apply::Proposal { plan: &plan, data: &data };
    apply::carry_out(&world, &loaded, proposal, &args.consent, output).await?;
    let tests = run::all(&world, &loaded, RunKind::Test, environment.clone(), output).await?;
    if tests.iter().any(|test| !test.status.succeeded()) {
        return Ok(run::show(&world, &loaded, &tests, output));
    }
    let syncs = run::all(&world, &loaded, RunKind::Sync, environment, output).await?;
    Ok(run::show(&world, &loaded, &[tests, syncs].concat(), output))
}
