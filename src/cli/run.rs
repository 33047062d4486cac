//! `spile test` and `spile sync`

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Global, Output, exit, host};
use crate::name::EnvironmentName;
use crate::ops::{self, Error, Loaded};
use crate::run::{Run, RunKind, RunStatus};
use crate::view;
use crate::world::World;

/// How long a test may take where nothing is said: discovery of a large Salesforce takes minutes.
const TEST_SECONDS: u64 = 300;

/// Which integrations to run, and how
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The integrations, by name; without any, all that are enabled
    #[arg(value_name = "SLUG")]
    names: Vec<String>,
    /// How many at a time
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// How long one may take, in seconds; a test may take 300 where nothing is said, a sync any time
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

impl Args {
    /// All that are enabled, one after the other: what `up` runs.
    pub(super) fn all() -> Self {
        Self { names: Vec::new(), jobs: 1, timeout: None }
    }
}

pub(super) async fn test(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let runs = runs((&world, &Arc::new(loaded)), environment, (RunKind::Test, args), output).await?;
    Ok(show(&runs, output))
}

pub(super) async fn sync(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let runs = runs((&world, &Arc::new(loaded)), environment, (RunKind::Sync, args), output).await?;
    Ok(show(&runs, output))
}

/// Runs with the signals of the terminal passed on.
pub(super) async fn runs(
    (world, loaded): (&World, &Arc<Loaded>),
    environment: EnvironmentName,
    (kind, args): (RunKind, &Args),
    output: &mut Output,
) -> Result<Vec<Run>, Error> {
    let (interrupted, interrupt) = watch::channel(false);
    let default = (kind == RunKind::Test).then_some(TEST_SECONDS);
    let options = ops::run::Options {
        environment,
        names: args.names.clone(),
        jobs: args.jobs,
        timeout: args.timeout.or(default).map(Duration::from_secs),
        host: host(),
        interrupt,
    };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let runs = match kind {
        RunKind::Test => ops::test(world, loaded, &options, &mut tell).await,
        RunKind::Sync => ops::sync(world, loaded, &options, &mut tell).await,
    };
    signals.abort();
    runs
}

/// Says that the user wants an end: on Ctrl-C, and on the signal that init systems send.
async fn pass_on(interrupted: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        interrupted.send_replace(true);
    }
}

/// Writes the results and returns the exit code.
pub(super) fn show(runs: &[Run], output: &mut Output) -> u8 {
    if runs.is_empty() && !output.is_json() {
        output.note("nothing to run: no enabled integration\n");
        return 0;
    }
    output.result(|| view::runs::results(runs), &serde_json::json!({ "runs": runs }));
    if runs.iter().all(|run| run.status == RunStatus::Ok) { 0 } else { exit::FAILED }
}
