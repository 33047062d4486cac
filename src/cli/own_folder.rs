//! Checks of spile's own folder around every command: commands that write undo an interrupted change first, and each
//! command warns once about a folder that it does not trust.

use miette::Diagnostic;

use super::{Cli, Command, Global, Output};
use spile_ops::Error;
use spile_world::files::io_error::IoError;
use spile_world::files::own_folder::Own;
use spile_world::files::process_lock::{self, Introduction};
use spile_world::files::project::{Trust, is_interrupted, recover};
use spile_world::files::refusal::FileRefusal;
use spile_world::files::state_folder;

/// How a command uses the files of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It does not use them.
    Nothing,
    /// It only reads them.
    Reads,
    /// It writes files, or acts on what they say.
    Writes,
}

impl Use {
    fn of(command: &Command) -> Self {
        match command {
            // The first two create the project, and check for leftovers themselves.
            Command::Init(_) | Command::Import(_) | Command::Explain(_) | Command::Completions(_) | Command::Man(_) => {
                Self::Nothing
            }
            Command::Check(_)
            | Command::Plan(_)
            | Command::Drift(_)
            | Command::History(_)
            | Command::Schedules(_)
            | Command::Tokens(_)
            | Command::LoginCode(_)
            | Command::Status(_)
            | Command::Runs(_)
            | Command::State(_)
            | Command::Logs(_)
            | Command::Notify(_)
            | Command::Lsp(_)
            | Command::Migrate(_)
            | Command::Doctor(_)
            | Command::Schema(_) => Self::Reads,
            Command::Fmt(args) if args.only_checks() => Self::Reads,
            Command::Connectors(args) if args.only_reads() => Self::Reads,
            Command::Discover(args) if args.only_reads() => Self::Reads,
            Command::Lock(args) if args.only_reads() => Self::Reads,
            Command::Secrets(args) if args.only_reads() => Self::Reads,
            Command::New(_)
            | Command::Edit(_)
            | Command::Fmt(_)
            | Command::Apply(_)
            | Command::Up(_)
            | Command::Pull(_)
            | Command::Connectors(_)
            | Command::Discover(_)
            | Command::Rollback(_)
            | Command::Test(_)
            | Command::Sync(_)
            | Command::Verify(_)
            | Command::Lock(_)
            | Command::Bake(_)
            | Command::RunDue(_)
            | Command::Serve(_)
            | Command::Enable(_)
            | Command::Disable(_)
            | Command::Pause(_)
            | Command::Resume(_)
            | Command::Secrets(_)
            | Command::Exec(_) => Self::Writes,
        }
    }
}

/// Undoes the half-finished change of a killed process, if the command writes.
///
/// # Errors
/// If it cannot be undone, or the journal is not trusted.
pub(super) fn before(cli: &Cli) -> Result<(), Error> {
    match (Use::of(&cli.command), cli.global.project()) {
        (Use::Writes, Ok(project)) => {
            let io = IoError::of("put back the files of", ".");
            Ok(recover(project.root()).map_err(io)?)
        }
        // Without a project, the command itself reports the error.
        (Use::Writes, Err(_)) | (Use::Reads | Use::Nothing, _) => Ok(()),
    }
}

/// Warns about what a command has ignored: an untrusted folder, or an interrupted change.
pub(super) fn after(cli: &Cli, done: &Result<u8, Error>, output: &mut Output) {
    let is_said = done.as_ref().is_err_and(|error| FileRefusal::behind(error).is_some());
    if !is_said && Use::of(&cli.command) != Use::Nothing {
        mention(&cli.global, output);
    }
}

fn mention(global: &Global, output: &mut Output) {
    let Some(project) = global.project().ok().filter(|project| project.trust() == Trust::Own) else { return };
    let folders = [project.own(), Own::of_meltano(&state_folder::of(project.root()))];
    let not_own: Vec<_> = folders.iter().filter_map(|own| own.open().err()).collect();
    for not_own in &not_own {
        let help = not_own.help().map(|help| help.to_string()).unwrap_or_default();
        let code = not_own.code().map(|code| code.to_string()).unwrap_or_default();
        output.warning(&not_own.to_string(), Some(&format!("{help} ({code})")));
    }
    if not_own.is_empty() && is_interrupted(project.root()) {
        let what = "a change of several files was interrupted: only some of them have their new text";
        output.warning(
            what,
            Some("`spile apply`, `spile fmt` and all other commands that write restore the files first"),
        );
    }
}

/// Lets the user keep `.spile` and `.meltano` outside the project.
pub(super) fn choose_state_folder() {
    let named = super::variable_os(state_folder::VARIABLE).filter(|folder| !folder.is_empty());
    // A path that cannot be made absolute has no current folder, which every command reports.
    if let Some(folder) = named.and_then(|folder| std::path::absolute(folder).ok()) {
        state_folder::choose(folder);
    }
}

/// Describes this process to others that wait for its lock.
pub(super) fn introduce(command: &str) {
    let patience = super::variable("SPILE_LOCK_TIMEOUT").and_then(|seconds| seconds.parse().ok());
    process_lock::introduce(Introduction {
        command: format!("spile {command}"),
        patience: patience.map(std::time::Duration::from_secs),
        tell: super::output::waiting,
    });
}
