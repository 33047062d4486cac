//! `spile serve`

use std::sync::Arc;

use tokio::sync::watch;

use super::run::{Pace, pass_on};
use super::{Global, Output, outside};
use crate::ops::scheduler::{self, Opened};
use crate::ops::{self, Error};
use crate::world::World;

/// Keep running: sync what is due, when it is due
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run schedules: files are read again when they change, and what was missed is made up for
    #[arg(long, required = true)]
    scheduler: bool,
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (interrupted, interrupt) = watch::channel(false);
    let outside = outside(output);
    let mut open = || {
        let project = global.project()?;
        let loaded = ops::check::used(&project)?;
        let environment = loaded.environment(global.environment.as_deref())?;
        let world = World::open(&project, &loaded.settings, &environment, &outside)?;
        let mut options = args.pace.options(&loaded.settings.sync, environment);
        options.interrupt = interrupt.clone();
        Ok(Opened { loaded: Arc::new(loaded), world, options })
    };
    let signals = tokio::spawn(pass_on(interrupted));
    output.step("Scheduling", "until Ctrl-C");
    let served = scheduler::serve(&mut open, &mut |event| output.event(&event)).await;
    signals.abort();
    served.map(|()| 0)
}
