//! `spile connectors certify`

use std::time::Duration;

use tokio::sync::watch;

use super::{Global, Output};
use crate::cli::signals::pass_on;
use crate::cli::times::duration;
use crate::cli::{exit, host};
use spile_core::integration::Integration;
use spile_ops::certify::{CertifyError, Options, subject};
use spile_ops::{self as ops, Error, counted};
use spile_view::connectors::certificate as shown;

/// The timeout of all reads together by default.
const PATIENCE: Duration = Duration::from_hours(1);

/// What to certify, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The connector's name, as in `type` of an integration
    name: String,
    /// The integration whose settings and secrets are used [default: the only one of this connector]
    #[arg(long, value_name = "SLUG")]
    config: Option<String>,
    /// From how many of its states the tap is started again
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    states: u32,
    /// Read only the streams whose name matches; the catalog then shows no grade [repeatable]
    #[arg(long, value_name = "PATTERN")]
    stream: Vec<String>,
    /// Timeout of all reads together, in seconds or like `2h` [default: 1 hour]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.offline(output)?;
    let integration = subject(&loaded, &args.name, args.config.as_deref())?;
    output.note(&format!("{}\n", cost(args, integration)));
    if !args.yes && !output.confirm("Read the source that often?") {
        return Err(CertifyError::Declined.into());
    }
    let (interrupted, interrupt) = watch::channel(false);
    let (streams, timeout) = (args.stream.clone(), args.timeout.unwrap_or(PATIENCE));
    let probe = ops::ProbeOptions { environment, streams, timeout, host: host(), interrupt };
    let options = Options { probe, states: args.states };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let certified = ops::certify(&world, &loaded, integration, &options, &mut tell).await;
    signals.abort();
    let certificate = certified?;
    output.result(|| shown::text(&certificate), &shown::data(&certificate));
    Ok(if certificate.grade.is_passed() { 0 } else { exit::FAILED })
}

/// Says what a certification costs.
fn cost(args: &Args, integration: &Integration) -> String {
    let slug = &integration.slug;
    let batches = if integration.connector.can_batch() { "; once in batches" } else { "" };
    let what = if args.stream.is_empty() { "everything that it selects" } else { "the selected streams" };
    format!(
        "This asks the source of `{slug}` twice what it offers, reads {what} once from the beginning to the end, and up to {} \
         more in two parts{batches}; one more if records seem to be lost. Nothing is loaded, and bookmarks stay.",
        counted(args.states, "time")
    )
}
