//! `spile bake`

use tokio::sync::watch;

use super::signals::pass_on;
use super::{Global, Output, host};
use spile_core::plan::Selector;
use spile_ops::bake::Options;
use spile_ops::run_selection::{RunSelection, SelectedState};
use spile_ops::{self as ops, Error};
use spile_view as view;

/// Install Meltano and the plugins now, so that a later sync needs no network, for example in an image
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names, patterns like `shop-*` or tags like `#crm` [default: all that are enabled]
    #[arg(value_name = "WHICH")]
    words: Vec<Selector>,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.offline(output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let which = RunSelection { words: args.words.clone(), state: SelectedState::Any };
    let options = Options { environment, which, host: host(), interrupt };
    let signals = tokio::spawn(pass_on(interrupted));
    let baked = ops::bake::bake(&world, &loaded, &options, &mut |event| output.event(&event)).await;
    signals.abort();
    let baked = baked?;
    output.result(|| view::bake::baked(&baked), &view::bake::data(&baked));
    Ok(0)
}
