//! The end of a run: the results of its attempts, or why it did not start.

use crate::Error;
use crate::discover::DiscoverError;
use spile_core::name::Slug;
use spile_core::problem::counted;
use spile_core::run::finding::Finding;
use spile_core::run::{Cause, Run, RunStatus, arrival};
use spile_world::World;
use spile_world::files::io_error::IoError;
use spile_world::processes::meltano::{Finished, InstallError, Outcome, RunError};
use spile_world::stores::rotated_secrets::NotSent;
use spile_world::stores::supabase::NotKept;

/// The end of a run, or the reason why there was no run.
pub(super) enum RunEnd {
    /// It ran, and is recorded in the registry.
    Ran(Box<Run>),
    /// It did not start.
    Refused(Box<RefusedRun>),
    /// It was skipped because another run uses the integration.
    Left(Slug),
    /// Another run has already served this moment of the schedule.
    Served,
}

/// A run that did not start. It is not in the registry, and nobody is notified that its integration fails.
#[derive(Debug)]
pub struct RefusedRun {
    /// The run that it would have been, with the reason as its error.
    pub run: Run,
    /// The reason.
    pub why: RefusalReason,
}

/// The reason why a run did not start.
#[derive(Debug)]
pub enum RefusalReason {
    /// Another run uses its integration.
    Busy,
    /// The user interrupted before it started.
    Stopped,
    /// Starting it failed.
    Failed(Error),
}

/// The result of one attempt of a run.
pub(super) struct Attempt {
    /// The results of parts that the attempt read again.
    pub(super) earlier: Vec<Finished>,
    /// The last result.
    pub(super) finished: Finished,
    /// The findings from before it read anything.
    pub(super) findings: Vec<Finding>,
}

impl From<Finished> for Attempt {
    fn from(finished: Finished) -> Self {
        Self { earlier: Vec::new(), finished, findings: Vec::new() }
    }
}

/// The result of a run: its status, with the error and its cause.
#[derive(Debug, Clone)]
pub(super) struct How {
    /// The status.
    pub status: RunStatus,
    /// The error, or a warning.
    pub error: Option<String>,
    /// The cause.
    pub cause: Option<Cause>,
}

impl How {
    pub(super) fn new(status: RunStatus, error: Option<String>, cause: Option<Cause>) -> Self {
        Self { status, error, cause }
    }
}

/// Adds the results of an attempt to the run, and returns how it ended.
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
    // Even if the clock was set back, no run ends before its start.
    run.finished_at = Some(now.max(run.started_at));
}

/// Ends a run that crashed because of a bug in spile. If the run had started, also records that in the registry.
pub(super) async fn broken(world: &World, run: Run) -> RunEnd {
    let error = Error::BrokenOff { slug: run.slug.clone() };
    let how = How::new(RunStatus::Failed, Some(error.to_string()), Some(Cause::Crash));
    // If the registry does not respond either, the next process to look at the run finds out.
    let begun = world.runs.get(run.id).await.ok().flatten().filter(|known| known.status == RunStatus::Running);
    let is_known = begun.is_some();
    let mut run = begun.unwrap_or(run);
    finish(&mut run, how, (world.clock)());
    if is_known && world.runs.record(&run).await.is_ok() {
        return RunEnd::Ran(Box::new(run));
    }
    RunEnd::Refused(Box::new(RefusedRun { run, why: RefusalReason::Failed(error) }))
}

/// Returns the cause of an error that prevented a run from being started or followed.
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

/// Returns the cause of an error in a discovery.
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

/// Returns an error and its causes in one line.
pub(super) fn error_line(error: &Error) -> String {
    error
        .causes()
        .into_iter()
        .fold(error.to_string(), |line, cause| if line.contains(&cause) { line } else { format!("{line}: {cause}") })
}

/// Turns a run into a failure if the registry does not have the bookmarks that it left.
pub(super) fn kept(kept: Result<(), NotKept>, finished: Finished) -> Finished {
    let Err(why) = kept else { return finished };
    let cause = match &why {
        NotKept::Lease => Cause::Busy,
        NotKept::Version { .. } => Cause::Bookmark,
        NotKept::Registry(_) => Cause::Registry,
    };
    let message = format!("its bookmarks could not be stored: {why}");
    Finished { outcome: Outcome::Failed { message, cause }, ..finished }
}

/// Turns a run into a failure if the registry does not have the secrets that its source has rotated. They wait on this
/// machine, and other machines would use outdated ones.
pub(super) fn rotated_kept(sent: Result<(), NotSent>, finished: Finished) -> Finished {
    let Err(why) = sent else { return finished };
    let cause = match &why {
        NotSent::Registry(NotKept::Lease) => Cause::Busy,
        NotSent::Registry(NotKept::Version { .. } | NotKept::Registry(_)) | NotSent::File(_) => Cause::Registry,
    };
    let message = format!(
        "its source has rotated secrets, which could not be stored in the registry and wait on this machine: {why}"
    );
    Finished { outcome: Outcome::Failed { message, cause }, ..finished }
}
