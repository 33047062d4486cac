//! Why a run failed, in the words of pages: they name fields and buttons, where the command line names commands.

use spile_core::connector::Role;
use spile_core::run::{Cause, Run};

/// What a page says about a failed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureWords {
    /// What went wrong, as a headline.
    pub title: String,
    /// The next step.
    pub help: String,
}

impl FailureWords {
    /// Returns the words for a run; `None` if it has no cause.
    #[must_use]
    pub fn of(run: &Run) -> Option<Self> {
        let cause = run.cause?;
        let side = if run.details.failed == Some(Role::Loader) { "destination" } else { "source" };
        let fill = |text: &str| text.replace("SIDE", side);
        Some(Self { title: fill(title(cause)), help: fill(help(cause)) })
    }
}

/// Returns the headline of a cause. `SIDE` stands for the source or the destination.
fn title(cause: Cause) -> &'static str {
    match cause {
        Cause::Credentials => "The SIDE rejected the credentials",
        Cause::Network => "The SIDE could not be reached",
        Cause::Permission => "The account lacks a permission at the SIDE",
        Cause::Quota => "The SIDE allows no more calls for now",
        Cause::MissingSetting => "A setting is missing or not valid",
        Cause::NothingSelected => "No stream is selected",
        Cause::Crash => "The connector stopped with an error",
        Cause::Timeout => "The run took too long",
        Cause::NotInstalled => "The connector could not be installed",
        Cause::NoPython => "The connector needs another Python version",
        Cause::DiskFull => "The disk is full",
        Cause::Output => "The connector wrote something that is not a record",
        Cause::Killed => "The run was interrupted from outside",
        Cause::Busy => "Another run is in progress",
        Cause::Secrets => "The secrets could not be decrypted",
        Cause::Registry => "The registry did not accept the run",
        Cause::LostRecords => "The destination is missing rows",
        Cause::MissingStream => "The source no longer offers a selected stream",
        Cause::Unselected => "Streams arrived that are not selected",
        Cause::OldCatalog => "The list of streams could not be updated",
        Cause::Empty => "No records arrived",
        Cause::Shrunk => "Far fewer records arrived than usual",
        Cause::SchemaChanged => "The source has changed",
        Cause::Bookmark => "The bookmarks could not be used",
    }
}

/// Returns the next step for a cause.
fn help(cause: Cause) -> &'static str {
    match cause {
        Cause::Credentials => {
            "Check the user name and the secrets in the settings. If a token has expired, get a new one at the provider."
        }
        Cause::Network => "Check the address in the settings. If it is right, try again later.",
        Cause::Permission => "Give the account access to what is selected, or select fewer streams.",
        Cause::Quota => "Try again later. A less frequent schedule and fewer streams use fewer calls.",
        Cause::MissingSetting => "Fix the setting, then test the connection.",
        Cause::NothingSelected => "Select at least one stream in the settings.",
        Cause::Crash => {
            "The log of the run has the details. If they do not help, ask the maintainers of the connector."
        }
        Cause::Timeout => "Select fewer streams, or ask an administrator to allow more time.",
        Cause::NotInstalled | Cause::NoPython => "Ask an administrator to check the installation on the server.",
        Cause::DiskFull => "Ask an administrator to free up space. Confirmed records are not read again.",
        Cause::Output => "Ask an administrator to try another version of the connector.",
        Cause::Killed => "Sync again. If it happens often, the server may have too little memory.",
        Cause::Busy => "Wait until that run has finished.",
        Cause::Secrets => "Ask an administrator to give the server the key, or enter the secrets again.",
        Cause::Registry => "Ask an administrator to check the registry.",
        Cause::LostRecords => "The log says what the destination reported. A full refresh reads everything again.",
        Cause::MissingStream => "Remove the stream from the selection, or restore it at the source.",
        Cause::Unselected => "The connector ignores the selection. Remove it, or ask an administrator.",
        Cause::OldCatalog => "Test the connection to see why the source does not list its streams.",
        Cause::Empty => "Check that the settings still point to the records, and test the connection.",
        Cause::Shrunk => "Compare the numbers with the source.",
        Cause::SchemaChanged => "Review the changes on the page of the integration, and accept them or leave them out.",
        Cause::Bookmark => {
            "Ask an administrator to check where bookmarks are stored. A full refresh does not need one."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_name_no_commands() {
        for (word, cause) in Cause::WORDS {
            for text in [title(cause), help(cause)] {
                assert!(!text.contains('`') && !text.contains("spile ") && !text.contains("--"), "{word}: {text}");
            }
        }
    }
}
