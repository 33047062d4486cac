//! `spile verify`

use std::time::Duration;

use tokio::sync::watch;

use super::discover::PATIENCE;
use super::signals::pass_on;
use super::times::duration;
use super::{Global, Output, exit, host};
use spile_ops::run::WhenBusy;
use spile_ops::verify::Options;
use spile_ops::{self as ops, Error};
use spile_view as view;

/// Compare a source with its destination: row counts, key ranges and sampled values
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the integration
    slug: String,
    /// Streams to compare [default: all selected streams]
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    /// Number of rows per stream whose values are compared; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=100_000))]
    sample: u32,
    /// Timeout, in seconds or like `2h` [default: 10 minutes]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Fail if the integration is already running elsewhere instead of waiting for it
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let options = Options {
        environment,
        streams: args.streams.clone(),
        sample: args.sample,
        timeout: Some(args.timeout.unwrap_or(PATIENCE)),
        when_busy: if args.no_wait { WhenBusy::Refuse } else { WhenBusy::Wait },
        host: host(),
        interrupt,
    };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let verified = ops::verify(&world, &loaded, &args.slug, &options, &mut tell).await;
    signals.abort();
    let verified = verified?;
    let fault = verified.fault().map(Error::from);
    output.result(|| view::verify::streams(&verified), &view::verify::data(&verified, fault.as_ref()));
    let Some(fault) = fault else { return Ok(0) };
    if !output.is_json() {
        output.error(&fault);
    }
    Ok(exit::FAILED)
}
