//! `--untrusted`: which commands read a project's files and do nothing else.

use super::Command;
use spile_world::files::project::Trust;

/// Whether the user trusts the project.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct TrustArgs {
    /// Only read files, for a project that you do not trust: no variable is expanded, no connection opened, no program
    /// started (except git for `--changed-since`) and nothing read from `.spile`. Commands that need more are refused. Also
    /// set by `SPILE_UNTRUSTED=1`
    #[arg(long, global = true)]
    untrusted: bool,
}

impl TrustArgs {
    /// Returns whether the user trusts the project, from the flag and the variable.
    pub(super) fn trust(self, variable: Option<&str>) -> Trust {
        let is_said = variable.is_some_and(|word| !matches!(word.trim(), "" | "0" | "false"));
        if self.untrusted || is_said { Trust::Untrusted } else { Trust::Own }
    }
}

/// The reason why a command cannot run on an untrusted project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UntrustedRefusal {
    /// It contacts the registry or other hosts.
    Asks,
    /// It reads spile's data in the project's folder.
    Believes,
    /// It reads or writes secrets.
    Opens,
    /// It starts programs.
    Runs,
    /// It writes files or rows.
    Writes,
}

impl UntrustedRefusal {
    /// Returns the reason as an error message, with the next step.
    pub fn sentence(self) -> String {
        let reason = match self {
            Self::Asks => "opens network connections or reads the registry",
            Self::Believes => "reads spile's data in `.spile`",
            Self::Opens => "opens or writes secrets",
            Self::Runs => "starts programs",
            Self::Writes => "writes",
        };
        format!(
            "this command {reason}: with `--untrusted` (or `SPILE_UNTRUSTED`) spile only reads a project's files; remove \
             it if you trust everything in the folder"
        )
    }
}

/// Returns why a command is refused; `None` if it only reads.
pub(super) fn refusal(command: &Command) -> Option<UntrustedRefusal> {
    match command {
        Command::Check(args) => args.refusal(),
        Command::Fmt(args) => args.refusal(),
        Command::Plan(args) => args.refusal(),
        Command::Schema(args) => args.refusal(),
        Command::Connectors(args) => args.refusal(),
        Command::Migrate(args) => args.refusal(),
        Command::Lock(args) if args.only_reads() => None,
        Command::Secrets(_) => Some(UntrustedRefusal::Opens),
        Command::Explain(_) | Command::Completions(_) | Command::Man(_) => None,
        Command::Drift(_)
        | Command::History(_)
        | Command::Schedules(_)
        | Command::Status(_)
        | Command::Runs(_)
        | Command::Logs(_)
        | Command::Notify(_) => Some(UntrustedRefusal::Asks),
        Command::Tokens(_) | Command::LoginCode(_) => Some(UntrustedRefusal::Believes),
        Command::Up(_)
        | Command::Discover(_)
        | Command::Test(_)
        | Command::Sync(_)
        | Command::State(_)
        | Command::Verify(_)
        | Command::RunDue(_)
        | Command::Exec(_)
        | Command::Lock(_)
        | Command::Bake(_)
        | Command::Doctor(_) => Some(UntrustedRefusal::Runs),
        Command::Init(_)
        | Command::New(_)
        | Command::Edit(_)
        | Command::Apply(_)
        | Command::Pull(_)
        | Command::Rollback(_)
        | Command::Import(_)
        | Command::Serve(_)
        | Command::Enable(_)
        | Command::Disable(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Lsp(_) => Some(UntrustedRefusal::Writes),
    }
}
