//! `spile test` and `spile sync`

use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use tokio::sync::watch;

use super::backfill::RangeArgs;
use super::selection_args::SelectionArgs;
use super::signals::pass_on;
use super::times::{duration, moment};
use super::{Format, Global, Output, exit, host, preview};
use spile_core::name::EnvironmentName;
use spile_core::run::{Run, StreamFilter};
use spile_core::settings::{Sync, Verify};
use spile_ops::backfill::Backfill;
use spile_ops::run::{From, OldRows, Options, Results, Retries, RunSlots, WhenBusy, jobs};
use spile_ops::{self as ops, Error, Loaded};
use spile_view as view;
use spile_world::World;
use spile_world::processes::meltano::Missing;

/// Test connections: start each plugin as a sync does, and discard the records
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: SelectionArgs,
    #[command(flatten)]
    pace: Pace,
}

/// How many runs at the same time, and for how long
#[derive(Debug, Clone, clap::Args)]
pub struct Pace {
    /// Number of runs at the same time [default: one per CPU, limited by free memory]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Timeout of each run, in seconds or like `2h` [default: from `[sync]`; 300 seconds for a test]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// Move records from sources to their loaders, starting where the last sync ended
#[derive(Debug, Clone, clap::Args)]
pub struct SyncArgs {
    #[command(flatten)]
    run: Args,
    /// Read only the streams whose name matches; the bookmarks of all others stay unchanged [repeatable]
    #[arg(long, value_name = "PATTERN")]
    stream: Vec<String>,
    #[command(flatten)]
    start: Start,
    #[command(flatten)]
    range: RangeArgs,
    /// Show what would be synced and from which bookmark, without starting anything
    #[arg(long)]
    dry_run: bool,
    /// Only read N records of each stream and show them, without bookmarks and without the loader; needs one name
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with_all = NOT_PREVIEWED)]
    preview: Option<u32>,
    /// Whether to count the rows of the destination before and after [default: from `[sync]`]
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "count", value_parser = verify())]
    verify: Option<Verify>,
    /// Refuse an integration that is already running elsewhere instead of waiting for it
    #[arg(long)]
    no_wait: bool,
    /// Number of retries after a temporary failure, for example of the network [default: from `[sync]`]
    #[arg(long, value_name = "N")]
    retries: Option<u16>,
}

/// The flags that a preview has no use for: it reads one integration once, from the beginning.
const NOT_PREVIEWED: [&str; 10] =
    ["all", "failed", "jobs", "full_refresh", "since", "take_bookmark", "dry_run", "verify", "no_wait", "retries"];

/// Where a sync starts reading
#[derive(Debug, Clone, clap::Args)]
struct Start {
    /// Ignore the bookmark and read everything again, or only these streams
    #[arg(long, value_name = "STREAM", num_args = 0.., require_equals = true, value_delimiter = ',', conflicts_with = "since")]
    full_refresh: Option<Vec<String>>,
    /// Also have the loader remove the rows that the full refresh does not deliver: when the tap has ended well, or, if the
    /// loader can do no better, before the first record; needs names
    #[arg(long, requires_all = ["full_refresh", "words"])]
    reset: bool,
    /// Read everything again since this moment; needs a tap with a `start_date`
    #[arg(long, value_name = "DATE", value_parser = moment)]
    since: Option<Timestamp>,
    /// Copy a bookmark from its previous store if the current store has none
    #[arg(long, conflicts_with_all = ["full_refresh", "since"])]
    take_bookmark: bool,
}

/// Returns the parser for how a sync verifies that its records arrived.
fn verify() -> impl TypedValueParser<Value = Verify> {
    let meant = |word: String| Verify::WORDS.into_iter().find(|(known, _)| *known == word);
    PossibleValuesParser::new(Verify::WORDS.map(|(word, _)| word))
        .map(move |word| meant(word).map_or(Verify::Count, |(_, verify)| verify))
}

impl Args {
    /// Returns the options of a run, from the arguments and the project's settings.
    fn options(&self, settings: &Sync, environment: EnvironmentName) -> Options {
        Options { which: self.which.chosen(), ..self.pace.options(settings, environment) }
    }
}

impl Pace {
    /// Returns the pace from the project's settings, as `up` uses it.
    pub(super) fn of_the_project() -> Self {
        Self { jobs: None, timeout: None }
    }

    /// Returns the number of runs at the same time, if given.
    pub(super) fn jobs(&self) -> Option<u16> {
        self.jobs
    }

    /// Returns the timeout of a run, if given.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Returns the options for running all enabled integrations.
    pub(super) fn options(&self, settings: &Sync, environment: EnvironmentName) -> Options {
        let places = RunSlots::new(jobs(self.jobs, settings));
        let options = Options::of(settings, environment, places, host());
        Options { timeout: self.timeout.or(options.timeout), ..options }
    }
}

impl SyncArgs {
    /// Returns why a preview cannot be made like this.
    pub(super) fn misfit(&self, format: Format) -> Option<&'static str> {
        self.preview?;
        if self.run.which.only_name().is_none() {
            return Some("`--preview` needs the whole name of one integration");
        }
        (format == Format::Junit).then_some("`--preview` supports only the formats text, json")
    }

    /// Returns what to preview.
    fn previewed(&self, records: u32) -> preview::Args<'_> {
        let Pace { timeout, .. } = self.run.pace;
        // Another selection was refused as a misfit.
        let slug = self.run.which.only_name().unwrap_or_default();
        preview::Args { slug, records, streams: &self.stream, timeout }
    }

    fn options(&self, settings: &Sync, environment: EnvironmentName) -> Options {
        let (from, refresh) = match (&self.start.full_refresh, &self.start.since) {
            (_, Some(moment)) => (From::Moment(*moment), Vec::new()),
            (Some(streams), None) if streams.is_empty() => (From::Beginning, Vec::new()),
            (Some(streams), None) => (From::Bookmark, streams.clone()),
            (None, None) => (From::Bookmark, Vec::new()),
        };
        let most = self.retries.unwrap_or(settings.retries);
        Options {
            from,
            streams: StreamFilter { only: self.stream.clone(), refresh },
            old_rows: if self.start.reset { OldRows::Remove } else { OldRows::Keep },
            verify: self.verify.unwrap_or(settings.verify),
            retries: Retries { most, after: settings.retry_after },
            missing_bookmark: if self.start.take_bookmark { Missing::Copy } else { Missing::Refuse },
            when_busy: if self.no_wait { WhenBusy::Refuse } else { WhenBusy::Wait },
            ..self.run.options(settings, environment)
        }
    }
}

pub(super) async fn test(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let options = args.options(&loaded.settings.sync, environment);
    let results = runs(&world, &loaded, RunRequest::Tests, options, output).await?;
    Ok(show(&world, &loaded, &results.all(), output))
}

pub(super) async fn sync(args: &SyncArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    if let Some(records) = args.preview {
        return preview::exec(args.previewed(records), global, output).await;
    }
    let (loaded, world, environment) = global.open(output)?;
    let options = args.options(&loaded.settings.sync, environment);
    if let Some(request) = args.range.request() {
        let backfills =
            ops::backfill::plan(&world, &loaded, &options, &request, &mut |event| output.event(&event)).await?;
        if args.dry_run {
            let data = serde_json::json!({ "would_backfill": backfills });
            output.result(|| view::backfill::planned(&backfills), &data);
            return Ok(0);
        }
        args.range.agree(&backfills, output)?;
        let results = runs(&world, &loaded, RunRequest::Backfills(&backfills), options, output).await?;
        return Ok(show_all(&world, &loaded, &results.all(), output));
    }
    if args.dry_run {
        let found = ops::run::would(&world, &loaded, &options).await?;
        output.result(|| view::results::would(&found), &serde_json::json!({ "would_sync": found }));
        return Ok(0);
    }
    let results = runs(&world, &loaded, RunRequest::Syncs, options, output).await?;
    Ok(show(&world, &loaded, &results.all(), output))
}

/// Runs what schedules ask for.
pub(super) async fn due(
    world: &World,
    loaded: &Arc<Loaded>,
    options: Options,
    output: &mut Output,
) -> Result<Results, Error> {
    runs(world, loaded, RunRequest::Due, options, output).await
}

/// What to run.
#[derive(Debug, Clone, Copy)]
enum RunRequest<'a> {
    /// Tests of the selected integrations.
    Tests,
    /// Syncs of the selected integrations.
    Syncs,
    /// Syncs that are due by their schedules.
    Due,
    /// Pieces of backfills.
    Backfills(&'a [Backfill]),
}

/// Runs, and passes on the signals of the terminal.
async fn runs(
    world: &World,
    loaded: &Arc<Loaded>,
    asked: RunRequest<'_>,
    mut options: Options,
    output: &mut Output,
) -> Result<Results, Error> {
    let (interrupted, interrupt) = watch::channel(false);
    options.interrupt = interrupt;
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let results = match asked {
        RunRequest::Tests => ops::test(world, loaded, &options, &mut tell).await,
        RunRequest::Syncs => ops::sync(world, loaded, &options, &mut tell).await,
        RunRequest::Due => ops::run_due(world, loaded, &options, &mut tell).await,
        RunRequest::Backfills(all) => ops::backfill::carry_out(world, loaded, &options, all, &mut tell).await,
    };
    signals.abort();
    results
}

/// Writes the results, with where to fix failures, and returns the exit code.
pub(super) fn show(world: &World, loaded: &Loaded, runs: &[Run], output: &mut Output) -> u8 {
    if runs.is_empty() && output.is_text() {
        output.note(
            "nothing to run: every selected integration is disabled, paused, not runnable or, with `--failed`, not failing\n",
        );
        return 0;
    }
    show_all(world, loaded, runs, output)
}

/// Writes the results, also if there are none.
fn show_all(world: &World, loaded: &Loaded, runs: &[Run], output: &mut Output) -> u8 {
    let results: Vec<_> = runs.iter().map(|run| (run.clone(), ops::run::mend(world, loaded, run))).collect();
    match output.format() {
        Format::Junit => output.text(&view::results::junit(&results)),
        _ => output.result(|| view::results::results(&results), &view::results::data(&results)),
    }
    if runs.iter().all(|run| run.status.succeeded()) { 0 } else { exit::FAILED }
}
