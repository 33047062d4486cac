//! The exit codes of the command line; documented in `docs/cli.md`.

use spile_ops::Error;
use spile_ops::saved_plan::SavedPlanError;
use spile_world::TargetError;

pub const FAILED: u8 = 1;
pub const CHANGES: u8 = 2;
pub const DESTRUCTIVE: u8 = 3;
pub const REFUSED: u8 = 4;
pub const STALE: u8 = 5;
pub const USAGE: u8 = 64;

/// Returns the exit code of a command that failed.
pub fn code(error: &Error) -> u8 {
    match error {
        Error::Refused(_) | Error::Overwrites(_) | Error::Protected { .. } => REFUSED,
        Error::Stale { .. }
        | Error::OtherPlan { .. }
        | Error::Target(TargetError::Stale { .. } | TargetError::StaleOutput { .. })
        | Error::SavedPlan(SavedPlanError::TooOld { .. }) => STALE,
        Error::Problems(_)
        | Error::Upgraded { .. }
        | Error::Words(_)
        | Error::NoProject(_)
        | Error::Environment(_)
        | Error::Target(_)
        | Error::SavedPlan(_)
        | Error::UnknownNames { .. }
        | Error::NothingToAdopt { .. }
        | Error::NotInstalled { .. }
        | Error::LargeContract { .. }
        | Error::NoApply { .. }
        | Error::PrunedApply { .. }
        | Error::AmbiguousApply { .. }
        | Error::NotPulled { .. }
        | Error::Declined
        | Error::Range(_)
        | Error::BackfillDeclined
        | Error::NotConverged { .. }
        | Error::NotRunnable { .. }
        | Error::VariableMissing { .. }
        | Error::BrokenOff { .. }
        | Error::Bookmarks { .. }
        | Error::Install(_)
        | Error::Run(_)
        | Error::State(_)
        | Error::Discover(_)
        | Error::Preview(_)
        | Error::Certify(_)
        | Error::Verify(_)
        | Error::About(_)
        | Error::Secrets(_)
        | Error::Git(_)
        | Error::Import(_)
        | Error::Hub(_)
        | Error::Connectors(_)
        | Error::Command(_)
        | Error::NotHosted
        | Error::NoTableCheck { .. }
        | Error::Exists { .. }
        | Error::Moved { .. }
        | Error::Taken { .. }
        | Error::Unsaid { .. }
        | Error::Stopped
        | Error::NoConnector { .. }
        | Error::NoChannel { .. }
        | Error::UnknownCode { .. }
        | Error::OpenDoor { .. }
        | Error::NoToken { .. }
        | Error::NoRun { .. }
        | Error::Folder { .. }
        | Error::NoFile { .. }
        | Error::Io(_) => FAILED,
    }
}
