//! `spile discover`

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::run::{duration, pass_on};
use super::{Global, Output, host};
use crate::ops::discover::{Freshness, Options};
use crate::ops::{self, Error};
use crate::view;

/// How long a tap may take where nothing is said: a large Salesforce takes minutes.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// Show the streams and fields that a source offers, and which of them are selected
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The integration, by name
    slug: String,
    /// A stream whose fields to show, or a pattern as `select` has them
    stream: Option<String>,
    /// Ask the source again, also where its last answer still holds
    #[arg(long)]
    refresh: bool,
    /// How long that may take, in seconds or as `2h`; left out: 10 minutes
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.offline(output)?;
    let (interrupted, interrupt) = watch::channel(false);
    let options = Options {
        environment,
        freshness: if args.refresh { Freshness::Asked } else { Freshness::Kept },
        timeout: Some(args.timeout.unwrap_or(PATIENCE)),
        host: host(),
        interrupt,
    };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let offer = ops::discover(&world, &loaded, (&args.slug, &options), &mut tell).await;
    signals.abort();
    let offer = offer?;
    let shown = ops::discover::shown(&offer, args.stream.as_deref())?;
    let text = || match &args.stream {
        Some(_) => view::discover::fields(&shown),
        None => view::discover::streams(&offer, &shown, &TimeZone::system()),
    };
    output.result(text, &view::discover::data(&offer, &shown));
    Ok(0)
}
