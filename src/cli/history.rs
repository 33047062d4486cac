//! `spile history`, `spile status`, `spile runs`, `spile runs show` and `spile logs`

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::json;

use super::selection_args::SelectionArgs;
use super::{Global, Output};
use spile_ops::{self as ops, Error};
use spile_view as view;

/// How often to look for new lines of a followed log.
const PAUSE: Duration = Duration::from_millis(200);

/// Show what was applied to this environment, when, and who did it
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// Number of applies to show
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    most: usize,
}

pub(super) async fn history(args: &HistoryArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (_, world, _) = global.open(output)?;
    let applies = ops::applies(&world, args.most).await?;
    let pruned = ops::history::pruned(&world).await?;
    let zone = TimeZone::system();
    let text = || view::history::applies(&applies, &zone) + &view::history::pruned(pruned, &zone);
    output.result(text, &json!({ "applies": applies, "pruned": pruned }));
    Ok(0)
}

/// Show the status and the last run of integrations
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    which: SelectionArgs,
}

pub(super) async fn status(args: &StatusArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let statuses = ops::status(&world, &loaded, &environment, &args.which.chosen()).await?;
    let data = statuses.iter().map(|status| {
        let standing = status.standing.as_ref();
        json!({
            "slug": status.integration.slug,
            "id": status.integration.id,
            "type": status.integration.connector.head.name,
            "kind": status.integration.role(),
            "enabled": status.integration.base.enabled,
            "drifted": status.has_drifted,
            "status": standing.map(|standing| &standing.status),
            "created_at": standing.map(|standing| standing.created_at),
            "updated_at": standing.map(|standing| standing.updated_at),
            "last_run": status.last_run,
        })
    });
    let data = json!({ "integrations": data.collect::<Vec<_>>() });
    let text = || {
        if statuses.is_empty() && args.which.names_failed() {
            return NOTHING.to_owned();
        }
        view::runs::status(&statuses, &TimeZone::system())
    };
    output.result(text, &data);
    Ok(0)
}

/// Show recent runs
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsArgs {
    #[command(subcommand)]
    one: Option<OneRun>,
    #[command(flatten)]
    which: SelectionArgs,
    /// Number of runs to show, or to compute `--stats` from [default: 20, with `--stats` 1000]
    #[arg(short = 'n', long, value_name = "N")]
    most: Option<usize>,
    /// Summarize the recent syncs of each integration
    #[arg(long)]
    stats: bool,
}

/// How to show a single run.
#[derive(Debug, clap::Subcommand)]
enum OneRun {
    /// Show one run in full: streams, rows that arrived, bookmarks, plugins
    Show {
        /// ID of the run, or name of an integration for its latest run
        #[arg(value_name = "SLUG|RUN")]
        of: String,
    },
}

/// The message if there are integrations, but `--failed` selects none.
const NOTHING: &str = "no integrations are failing\n";

/// How many runs to show by default, and from how many to compute statistics.
const MOST: (usize, usize) = (20, 1000);

pub(super) async fn runs(args: &RunsArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    world.meltano.sweep()?;
    ops::run::bury(&world, &environment).await?;
    if let Some(OneRun::Show { of }) = &args.one {
        let run = ops::history::run(&world, &loaded, of).await?;
        let applied = ops::history::applied_at(&world, run.started_at).await?;
        let text = || view::runs::run(&run, applied.as_ref(), &TimeZone::system());
        output.result(text, &json!({ "run": run, "applied": applied }));
        return Ok(0);
    }
    let most = args.most.unwrap_or(if args.stats { MOST.1 } else { MOST.0 });
    let runs = ops::runs(&world, &loaded, &args.which.chosen(), most).await?;
    if args.stats {
        let stats = spile_core::run::stats::stats(&runs);
        output.result(|| view::runs::stats(&stats, &TimeZone::system()), &json!({ "stats": stats }));
        return Ok(0);
    }
    let text = || {
        if runs.is_empty() && args.which.names_failed() {
            return NOTHING.to_owned();
        }
        view::runs::runs(&runs, &TimeZone::system())
    };
    output.result(text, &json!({ "runs": runs }));
    Ok(0)
}

/// Show the full log of a run
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// ID of the run, or name of an integration for its latest run
    #[arg(value_name = "SLUG|RUN")]
    of: String,
    /// Keep printing until the run ends
    #[arg(short, long)]
    follow: bool,
}

pub(super) async fn logs(args: &LogsArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.open(output)?;
    let run = ops::history::run(&world, &loaded, &args.of).await?;
    let log = ops::run::Log::of(world.project.root(), &run);
    // The previous piece, if the log was too long for one.
    output.foreign(&log.before()?);
    let mut shown = 0;
    loop {
        // Ask before reading: then the read includes what the run wrote before it ended.
        let lasts = args.follow && ops::history::lasts(&world, &run).await?;
        match log.after(shown, u64::MAX)? {
            Some(more) => {
                shown = more.end;
                output.foreign(&more.bytes);
            }
            // A run that has just started has not written anything yet.
            None if lasts => {}
            None => return Err(log.missing()),
        }
        if !lasts {
            return Ok(0);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
