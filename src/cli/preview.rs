//! `spile sync --preview`

use std::time::Duration;

use tokio::sync::watch;

use super::discover::PATIENCE;
use super::signals::pass_on;
use super::{Global, Output, host};
use spile_ops::preview::Options;
use spile_ops::{self as ops, Error};
use spile_view as view;

/// What to preview.
pub(super) struct Args<'a> {
    /// Name of the integration.
    pub slug: &'a str,
    /// Number of records per stream.
    pub records: u32,
    /// Patterns of streams; all selected streams if empty.
    pub streams: &'a [String],
    /// The timeout, if given.
    pub timeout: Option<Duration>,
}

pub(super) async fn exec(args: Args<'_>, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.offline(output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let (streams, timeout) = (args.streams.to_vec(), args.timeout.unwrap_or(PATIENCE));
    let probe = ops::ProbeOptions { environment, streams, timeout, host: host(), interrupt };
    let options = Options { probe, records: args.records };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let previewed = ops::preview(&world, &loaded, args.slug, &options, &mut tell).await;
    signals.abort();
    let previewed = previewed?;
    output.result(|| view::preview::text(&previewed), &view::preview::data(&previewed, &options));
    Ok(0)
}
