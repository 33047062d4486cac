//! How a run ends: the results of its attempts, or why it did not start.

use crate::Error;
use crate::discover::DiscoverError;
use spile_core::name::Slug;
use spile_core::problem::counted;
use spile_core::run::{Cause, Run, RunStatus, arrival};
use spile_world::World;
use spile_world::files::io_error::IoError;
use spile_world::processes::meltano::{Finished, InstallError, Outcome, RunError};

/// How a run ended, or why there was none.
pub(super) enum RunEnd {
    /// It ran, and the registry knows it.
    Ran(Box<Run>),
    /// It did not begin.
    Refused(Box<RefusedRun>),
    /// It was left to what runs its integration.
    Left(Slug),
    /// The moment of its schedule has been served in the meantime.
    Served,
}

/// A run that did not begin: the registry has heard nothing of it, and nobody is told that its integration fails.
#[derive(Debug)]
pub struct RefusedRun {
    /// What it would have been, with why it is not.
    pub run: Run,
    /// Why.
    pub why: RefusalReason,
}

/// Why a run did not begin.
#[derive(Debug)]
pub enum RefusalReason {
    /// Something else runs its integration.
    Busy,
    /// The user wanted an end first.
    Stopped,
    /// It could not be begun.
    Failed(Error),
}

/// How a run ended, what went wrong, and what kind of thing that is.
#[derive(Debug, Clone)]
pub(super) struct How {
    /// How far it got.
    pub status: RunStatus,
    /// What went wrong, or needs a look.
    pub error: Option<String>,
    /// What kind of thing that is.
    pub cause: Option<Cause>,
}

impl How {
    pub(super) fn new(status: RunStatus, error: Option<String>, cause: Option<Cause>) -> Self {
        Self { status, error, cause }
    }
}

/// Takes what an attempt moved into the run, and returns how it ended.
pub(super) fn took_in(run: &mut Run, finished: Finished) -> How {
    run.records = Some(run.records.unwrap_or_default() + finished.records);
    let missing = arrival::lost(&finished.streams, &finished.details.arrivals);
    run.details.failed = finished.details.failed;
    run.details.add(finished.details);
    for (stream, records) in finished.streams {
        *run.streams.entry(stream).or_default() += records;
    }
    run.bookmark_before = run.bookmark_before.take().or(finished.bookmark_before);
    run.bookmark_after = finished.bookmark_after.or(run.bookmark_after.take());
    match finished.outcome {
        Outcome::Succeeded if missing.is_some() => How::new(RunStatus::Failed, missing, Some(Cause::LostRecords)),
        Outcome::Succeeded => How::new(RunStatus::Ok, None, None),
        Outcome::Failed { message, cause } => How::new(RunStatus::Failed, Some(message), Some(cause)),
        Outcome::TimedOut { after } => {
            let message = format!("stopped after {}", counted(after.as_secs(), "second"));
            How::new(RunStatus::Failed, Some(message), Some(Cause::Timeout))
        }
        Outcome::Interrupted => How::new(RunStatus::Cancelled, None, None),
    }
}

pub(super) fn finish(run: &mut Run, how: How, now: jiff::Timestamp) {
    (run.status, run.error, run.cause) = (how.status, how.error, how.cause);
    // A clock that was set back makes no run end before it began.
    run.finished_at = Some(now.max(run.started_at));
}

/// Ends a run that broke off by a mistake of spile's, in the registry too, where it had begun.
pub(super) async fn broken(world: &World, run: Run) -> RunEnd {
    let error = Error::BrokenOff { slug: run.slug.clone() };
    let how = How::new(RunStatus::Failed, Some(error.to_string()), Some(Cause::Crash));
    // Where the registry does not answer either, the next one to look at it finds out.
    let begun = world.runs.get(run.id).await.ok().flatten().filter(|known| known.status == RunStatus::Running);
    let is_known = begun.is_some();
    let mut run = begun.unwrap_or(run);
    finish(&mut run, how, (world.clock)());
    if is_known && world.runs.record(&run).await.is_ok() {
        return RunEnd::Ran(Box::new(run));
    }
    RunEnd::Refused(Box::new(RefusedRun { run, why: RefusalReason::Failed(error) }))
}

/// Returns what kind of thing kept a run from being started or followed.
pub(super) fn cause(error: &Error) -> Cause {
    match error {
        Error::Install(InstallError::DiskFull { .. })
        | Error::Run(RunError::Install(InstallError::DiskFull { .. })) => Cause::DiskFull,
        Error::Install(InstallError::NoInterpreter { .. })
        | Error::Run(RunError::Install(InstallError::NoInterpreter { .. })) => Cause::NoPython,
        Error::Install(_) | Error::Run(RunError::Install(_) | RunError::NotInstalled { .. }) => Cause::NotInstalled,
        Error::Run(RunError::Log { source, .. } | RunError::Io(IoError { source, .. }))
            if source.kind() == std::io::ErrorKind::StorageFull =>
        {
            Cause::DiskFull
        }
        Error::Secrets(_) => Cause::Secrets,
        Error::VariableMissing { .. } => Cause::MissingSetting,
        Error::Target(_) => Cause::Registry,
        Error::Bookmarks { .. } => Cause::Bookmark,
        Error::Discover(error) => of_discovery(error),
        _ => Cause::Crash,
    }
}

/// Returns what kept a source from saying what it offers.
fn of_discovery(error: &DiscoverError) -> Cause {
    match error {
        DiscoverError::Failed { message, .. } => Cause::of(message),
        DiscoverError::NoCatalog { .. } => Cause::Output,
        DiscoverError::TimedOut { .. } => Cause::Timeout,
        DiscoverError::SecretNames { .. } => Cause::SchemaChanged,
        DiscoverError::Unsupported { .. } | DiscoverError::Interrupted { .. } | DiscoverError::NoMatch { .. } => {
            Cause::Crash
        }
    }
}

/// An error and what it came from, in one line.
pub(super) fn error_line(error: &Error) -> String {
    error
        .causes()
        .into_iter()
        .fold(error.to_string(), |line, cause| if line.contains(&cause) { line } else { format!("{line}: {cause}") })
}
