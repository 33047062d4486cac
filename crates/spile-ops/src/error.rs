//! Errors of operations. Long because it is one enum, with the code and the help of each error.

mod made;
mod sentences;

use std::borrow::Cow;

use miette::Diagnostic;

use super::counted;
use sentences::{allowances, edits, refusal};
use spile_core::connector::Role;
use spile_core::name::{IntegrationId, Slug};
use spile_core::plan::{Breach, HandEdit};
use spile_core::problem::{Report, listed};
use spile_core::settings::UndeclaredEnvironment;
use spile_world::TargetError;
use spile_world::files::io_error::IoError;
use spile_world::files::project::NoProject;
use spile_world::net::hub::HubError;
use spile_world::processes::command::NotStarted;
use spile_world::processes::git::GitError;
use spile_world::processes::meltano::{AboutError, InstallError, RunError};

pub use made::unknown_names;

/// An error of an operation.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// The project's files are invalid.
    #[error("{} in the project's files", counted(.0.problems().len(), "problem"))]
    #[diagnostic(code(spile::files::problems))]
    Problems(Report),
    /// The project's files would be invalid with an upgrade.
    #[error("{} in the project's files with the newer `{name}`", counted(.report.problems().len(), "problem"))]
    #[diagnostic(
        code(spile::connector::breaks),
        help(
            "fix the files first so that they are valid with both versions, or write it with `--force` and fix them afterwards; nothing was written"
        )
    )]
    Upgraded {
        /// The connector.
        name: String,
        /// The problems that the files would have.
        report: Report,
    },
    /// Arguments of the command line are invalid.
    #[error("{} in the command's arguments", counted(.0.problems().len(), "problem"))]
    #[diagnostic(code(spile::form::problems))]
    Words(Report),
    /// No project was found.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NoProject(#[from] NoProject),
    /// The environment is not declared.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Environment(#[from] UndeclaredEnvironment),
    /// A target cannot be read or written, or has changed since it was read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Target(#[from] TargetError),
    /// A source offers more than fits into a contract.
    #[error("the source of `{slug}` is too large for a contract: more than {most} MiB")]
    #[diagnostic(
        code(spile::contract::too_large),
        help("let its account see fewer tables, or accept every change by removing `[schema]` from its file")
    )]
    LargeContract {
        /// The integration.
        slug: Slug,
        /// The size limit of a contract, in MiB.
        most: u64,
    },
    /// The plan to apply differs from the plan that would be made now.
    #[error("the plan is stale: {}", .moved.join("; "))]
    #[diagnostic(code(spile::plan::stale), help("run `spile plan` again and review the differences"))]
    Stale {
        /// The differences, one sentence each.
        moved: Vec<String>,
    },
    /// The plan is not the requested one.
    #[error("the plan has changed: it is now `{found}`, not `{asked}`")]
    #[diagnostic(code(spile::plan::other), help("review the new plan: `spile plan` shows it with its ID"))]
    OtherPlan {
        /// The requested id, or its start.
        asked: String,
        /// The id of the plan.
        found: String,
    },
    /// A saved plan cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    SavedPlan(#[from] super::saved_plan::SavedPlanError),
    /// No integration has these names.
    #[error("{message}")]
    #[diagnostic(code(spile::integration::unknown), help("{help}"))]
    UnknownNames {
        /// Which names, patterns and tags fit none.
        message: String,
        /// The nearest names, or where to look.
        help: String,
    },
    /// No unmanaged row has the id of the integration.
    #[error("there is no row to adopt for `{slug}`: no unmanaged row has its ID, {id}")]
    #[diagnostic(
        code(spile::plan::nothing_to_adopt),
        help("add the row's ID to the file of `{slug}`: `spile plan` lists unmanaged rows at its end")
    )]
    NothingToAdopt {
        /// The integration.
        slug: Slug,
        /// The id of the integration.
        id: IntegrationId,
    },
    /// No apply has this id.
    #[error("no apply `{of}` is in the history of this environment")]
    #[diagnostic(code(spile::plan::unknown_apply), help("run `spile history` to list the applies"))]
    NoApply {
        /// The requested id.
        of: String,
    },
    /// No apply has this id, and earlier ones are no longer kept.
    #[error(
        "no apply `{of}` is in the history of this environment; {applies} earlier applies, up to {until:.0}, are no longer kept"
    )]
    #[diagnostic(
        code(spile::plan::pruned_apply),
        help(
            "run `spile history` to list the applies that are kept; to go back further, check out the files of that time and run `spile apply`"
        )
    )]
    PrunedApply {
        /// The requested id.
        of: String,
        /// How many are no longer kept.
        applies: u32,
        /// When the newest of them was.
        until: jiff::Timestamp,
    },
    /// More than one apply has an id with this start.
    #[error("more than one apply ID starts with `{of}`")]
    #[diagnostic(code(spile::plan::ambiguous_apply), help("use more characters of the ID from `spile history`"))]
    AmbiguousApply {
        /// The requested start.
        of: String,
    },
    /// A row cannot be pulled into its file.
    #[error("the row of `{slug}` cannot be pulled into its file: {why}")]
    #[diagnostic(code(spile::plan::not_pulled), help("{help}"))]
    NotPulled {
        /// The integration.
        slug: Slug,
        /// The reason.
        why: String,
        /// The next step.
        help: &'static str,
    },
    /// The plan changes more than the guards allow without acknowledgment.
    #[error("{}", refusal(.0))]
    #[diagnostic(code(spile::plan::guard), help("review the plan; if it is what you want, run apply again with {}", allowances(.0)))]
    Refused(Vec<Breach>),
    /// The plan overwrites hand edits in `meltano.yml`.
    #[error("apply would overwrite what no file asks for in `meltano.yml`: {}", edits(.0))]
    #[diagnostic(
        code(spile::meltano_yml::edited),
        help(
            "run `spile pull` to keep it in your files, or run apply again with `--allow overwrite={}` to lose it; nothing was \
             written",
            .0.len()
        )
    )]
    Overwrites(Vec<HandEdit>),
    /// The user declined.
    #[error("nothing was applied")]
    #[diagnostic(code(spile::plan::declined), help("answer `yes`, or use `--yes` to skip the question"))]
    Declined,
    /// The targets do not contain what was written to them.
    #[error("apply wrote all changes, but {left} of them did not persist")]
    #[diagnostic(
        code(spile::plan::not_converged),
        help("another program is changing the same rows or files: run `spile plan` to see the differences")
    )]
    NotConverged {
        /// How many changes a new plan still has.
        left: usize,
    },
    /// The integration cannot be run.
    #[error("`{slug}` {reason}")]
    #[diagnostic(code(spile::run::not_runnable), help("{help}"))]
    NotRunnable {
        /// The integration.
        slug: Slug,
        /// The reason.
        reason: Cow<'static, str>,
        /// The next step.
        help: Cow<'static, str>,
    },
    /// The run does not get variables that settings name.
    #[error("`{slug}` needs {}, but the run does not have {}", listed(names.iter().map(String::as_str)), if names.len() == 1 { "it" } else { "them" })]
    #[diagnostic(
        code(spile::run::variable_missing),
        help("set it in `.env`, or in the environment and list it under `[run] env` in `spile.toml`")
    )]
    VariableMissing {
        /// The integration.
        slug: Slug,
        /// The variables.
        names: Vec<String>,
    },
    /// A range of a backfill cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Range(#[from] spile_core::run::backfill::RangeError),
    /// The user does not want a backfill that reads more than its range.
    #[error("nothing was read")]
    #[diagnostic(code(spile::backfill::declined), help("answer `yes`, or use `--yes` to skip the question"))]
    BackfillDeclined,
    /// A run ended in the middle of our own code.
    #[error("the run of `{slug}` crashed")]
    #[diagnostic(
        code(spile::run::broken_off),
        help("this is a bug in spile: please report it with the output in its terminal")
    )]
    BrokenOff {
        /// The integration.
        slug: Slug,
    },
    /// A lock was asked for of something that the project does not install.
    #[error("the project does not install {names}")]
    #[diagnostic(code(spile::locks::unknown), help("{help}"))]
    NotInstalled {
        /// The names.
        names: String,
        /// The names that can be locked.
        help: String,
    },
    /// Meltano cannot be installed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Install(#[from] InstallError),
    /// Meltano cannot be started.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] RunError),
    /// The registry does not store bookmarks.
    #[error("the bookmarks of `{id}` cannot be stored in the registry")]
    #[diagnostic(
        code(spile::run::bookmarks),
        help("nothing was read; run `spile doctor` and sync again: the next sync starts where the last one stopped")
    )]
    Bookmarks {
        /// The state id.
        id: String,
        /// The reason.
        source: spile_world::stores::supabase::NotKept,
    },
    /// A state cannot be shown or changed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    State(#[from] super::state::StateError),
    /// A source does not say what it offers.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Discover(#[from] super::discover::DiscoverError),
    /// A source cannot be previewed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Preview(#[from] super::preview::PreviewError),
    /// A connector cannot be certified.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Certify(#[from] super::certify::CertifyError),
    /// A source and its destination are not compared, or do not agree.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Verify(#[from] super::verify::VerifyError),
    /// A tap or target does not print its definition.
    #[error(transparent)]
    #[diagnostic(transparent)]
    About(#[from] AboutError),
    /// Secrets cannot be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Secrets(#[from] super::secrets::Error),
    /// git cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
    /// A project cannot be imported.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Import(#[from] super::import::Error),
    /// The hub cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Hub(#[from] HubError),
    /// Connectors cannot be found or imported.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Connectors(#[from] super::connectors::ConnectorsError),
    /// A command cannot be started.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Command(#[from] NotStarted),
    /// The registry is not hosted, so it needs no migration.
    #[error("the registry of this environment is a local file and needs no migration")]
    #[diagnostic(
        code(spile::registry::not_hosted),
        help("add `[registry]` with `kind = \"supabase\"` to `spile.toml`")
    )]
    NotHosted,
    /// The output of the table check is not valid.
    #[error("`{path}` does not hold the result of `spile migrate --check-table`: {why}")]
    #[diagnostic(
        code(spile::registry::table_check),
        help(
            "run `spile migrate --check-table | psql \"$DATABASE_URL\" -XqAt -v ON_ERROR_STOP=1 | spile migrate --check-table -`"
        )
    )]
    NoTableCheck {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A project already exists here.
    #[error("`{file}` already exists")]
    #[diagnostic(
        code(spile::project::exists),
        help("run `spile check`, or create the project in an empty folder with `-C DIR`")
    )]
    Exists {
        /// The file in the way.
        file: String,
    },
    /// Someone else has written to a file in the meantime.
    #[error("`{path}` has changed in the meantime")]
    #[diagnostic(code(spile::files::moved), help("review the differences and try again; nothing was written"))]
    Moved {
        /// The file, relative to the project.
        path: String,
    },
    /// An integration with this name already exists.
    #[error("`{slug}` already exists: `{file}`")]
    #[diagnostic(code(spile::new::taken), help("choose another name, or change it with `spile edit {slug}`"))]
    Taken {
        /// The name.
        slug: Slug,
        /// Its file.
        file: String,
    },
    /// The integration is protected against deletion.
    #[error("`{slug}` is protected")]
    #[diagnostic(code(spile::author::protected), help("remove `protect = true` from its file first"))]
    Protected {
        /// The integration.
        slug: Slug,
    },
    /// An answer is missing, and there is no terminal to prompt on.
    #[error("missing {what}, and no terminal to prompt on")]
    #[diagnostic(code(spile::new::missing), help("{help}"))]
    Unsaid {
        /// What is missing.
        what: &'static str,
        /// How to provide it.
        help: String,
    },
    /// The user did not answer a question.
    #[error("nothing was written")]
    #[diagnostic(
        code(spile::new::stopped),
        help("run it again; flags like `--yes` answer the questions: see `--help`")
    )]
    Stopped,
    /// No connector has this name.
    #[error("no {role} is named `{name}`")]
    #[diagnostic(code(spile::new::unknown_type), help("{help}"))]
    NoConnector {
        /// The role that was looked for.
        role: Role,
        /// The name.
        name: String,
        /// The nearest name, or all names.
        help: String,
    },
    /// The environment has no channel with this name.
    #[error("this environment has no channel `{name}`")]
    #[diagnostic(code(spile::notify::no_channel), help("{help}"))]
    NoChannel {
        /// The requested name.
        name: String,
        /// The nearest name, or all names.
        help: String,
    },
    /// The code does not exist.
    #[error("`{code}` is not an error code")]
    #[diagnostic(code(spile::explain::unknown), help("{help}"))]
    UnknownCode {
        /// The requested code.
        code: String,
        /// The nearest code, or where to find codes.
        help: String,
    },
    /// Everyone on the network could use the server without a login.
    #[error("`{address}` is reachable from other machines, and login is disabled")]
    #[diagnostic(
        code(spile::http::open_door),
        help("remove `--no-login`, or listen on `127.0.0.1` and remove `--host`")
    )]
    OpenDoor {
        /// The address that it would listen on.
        address: String,
    },
    /// No token has this name.
    #[error("no token is named `{name}`")]
    #[diagnostic(code(spile::http::no_token), help("run `spile tokens list` to list the tokens"))]
    NoToken {
        /// The requested name.
        name: String,
    },
    /// No run was found.
    #[error("no run was found for {of}")]
    #[diagnostic(code(spile::run::unknown), help("run `spile runs` to list the runs"))]
    NoRun {
        /// What the run was looked up by.
        of: String,
    },
    /// The command line names a folder in place of a file.
    #[error("`{path}` is a folder, not a file")]
    #[diagnostic(code(spile::files::folder), help("{help}"))]
    Folder {
        /// The path.
        path: String,
        /// The next step.
        help: &'static str,
    },
    /// The command line names a file that does not exist.
    #[error("the file `{path}` does not exist")]
    #[diagnostic(
        code(spile::files::missing),
        help("check the path: it is relative to the current folder, not to the project")
    )]
    NoFile {
        /// The path.
        path: String,
    },
    /// A file, a folder or a program cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Io(#[from] IoError),
}
