//! The command line: arguments to calls of `ops`, results to text. Only this module prints, reads the environment and
//! prompts.

pub mod apply;
mod backfill;
pub mod bake;
pub mod check;
pub mod connectors;
pub mod discover;
pub mod doctor;
pub mod drift;
pub mod exec;
mod exit;
pub mod explain;
pub mod fmt;
pub mod format;
pub mod generate;
pub mod history;
pub mod import;
mod import_rows;
pub mod init;
pub mod lock;
pub mod login_code;
pub mod lsp;
pub mod migrate;
pub mod new;
pub mod notify;
mod open;
pub mod output;
mod own_folder;
pub mod plan;
pub mod plan_selection;
mod preview;
mod progress;
pub mod rollback;
pub mod run;
pub mod schedules;
pub mod schema;
pub mod secrets;
pub mod selection_args;
pub mod serve;
mod signals;
pub mod state;
mod surroundings;
pub mod switch;
mod times;
pub mod tokens;
mod untrusted;
pub mod up;
pub mod verify;

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use format::Format;
use open::{Site, agrees};
use output::Output;
use spile_core::secrecy::NOT_SHOWN;
use spile_core::settings::TrustedHost;
use spile_ops::Error;
use spile_world::files::io_error::IoError;
use spile_world::files::project::Trust;
use spile_world::processes::relay;
use surroundings::{editor, host, keys, places, program, variable, variable_os};

/// Data integrations as code: TOML files in git, planned and applied to Meltano and a registry
#[derive(Debug, Parser)]
#[command(name = "spile", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 success · 1 failure · 2 changes, 3 destructive changes (`plan --exit-code`) · \
    4 blocked by a guard · 5 stale plan · 64 invalid command line")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The heading of the global options in `--help`, after the command's own options.
const GLOBAL: &str = "Global options";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = GLOBAL)]
pub struct Global {
    /// Use the project in this folder [default: the nearest parent folder with a `spile.toml`]
    #[arg(short = 'C', long = "project", value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
    /// Use this environment [default: the project's default environment]
    #[arg(long = "env", value_name = "NAME", global = true)]
    environment: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
    /// When to use color
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto, global = true)]
    color: ColorChoice,
    /// Hide progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Show more, for example the records of each stream
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Never prompt; fail if an answer is missing on the command line
    #[arg(long, global = true)]
    no_input: bool,
    /// Allow sending a registry key, a mail server password, or the secret of a sign-in to this host that a file of the
    /// project names; separate hosts with commas
    #[arg(long, value_name = "HOST", global = true, value_delimiter = ',')]
    trust_registry: Vec<TrustedHost>,
    #[command(flatten)]
    standing: untrusted::TrustArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    New(new::Args),
    Edit(new::EditArgs),
    Check(check::Args),
    Fmt(fmt::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Up(up::Args),
    Drift(drift::DriftArgs),
    Pull(drift::PullArgs),
    History(history::HistoryArgs),
    Rollback(rollback::Args),
    Import(import::Args),
    Connectors(connectors::Args),
    Discover(discover::Args),
    Test(run::Args),
    Sync(run::SyncArgs),
    Verify(verify::Args),
    Lock(lock::Args),
    Bake(bake::Args),
    Schedules(schedules::Args),
    RunDue(schedules::RunDueArgs),
    Serve(serve::Args),
    Tokens(tokens::Args),
    LoginCode(login_code::Args),
    Enable(switch::EnableArgs),
    Disable(switch::DisableArgs),
    Pause(switch::PauseArgs),
    Resume(switch::ResumeArgs),
    Status(history::StatusArgs),
    Runs(history::RunsArgs),
    State(state::Args),
    Logs(history::LogsArgs),
    Notify(notify::Args),
    Secrets(secrets::Args),
    Exec(exec::Args),
    Lsp(lsp::Args),
    Migrate(migrate::Args),
    Doctor(doctor::Args),
    Schema(schema::Args),
    Explain(explain::Args),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// Runs one command line and returns the program's exit code.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    if let [_, only] = &*words
        && only == relay::WORD
    {
        // Its standard error is a connection to the program that started it, so it has nowhere to print.
        return relay::relay().map_or(ExitCode::from(exit::FAILED), |()| ExitCode::SUCCESS);
    }
    let parsed = command().try_get_matches_from(words).and_then(|matches| {
        let name = matches.subcommand_name().unwrap_or_default();
        own_folder::introduce(name);
        own_folder::choose_state_folder();
        let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))?;
        cli.misfit(name).map_or(Ok(cli), Err)
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let error = without_values(error);
            // If standard error is closed too, there is nowhere to report to.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    let mut output = Output::new(&cli.global);
    let mut runtime = match cli.command {
        // The server handles many requests at once.
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = match room().and_then(|()| runtime.enable_all().build()) {
        Ok(runtime) => runtime,
        Err(source) => {
            let error = Error::from(IoError::of("start", "the event loop")(source));
            output.error(&error);
            return ExitCode::from(exit::FAILED);
        }
    };
    let done = match own_folder::before(&cli) {
        Ok(()) => runtime.block_on(exec(&cli, &mut output)),
        Err(error) => Err(error),
    };
    own_folder::after(&cli, &done, &mut output);
    let code = done.unwrap_or_else(|error| {
        output.error(&error);
        exit::code(&error)
    });
    ExitCode::from(output.closed(code))
}

/// Fails if too few files may be opened, because the event loop panics if it cannot create its socket pairs. This opens
/// more than the event loop does.
fn room() -> std::io::Result<()> {
    const PAIRS: usize = 4;
    (0..PAIRS).map(|_| UnixStream::pair()).collect::<std::io::Result<Vec<_>>>().map(drop)
}

/// Removes values from a message about the command line: in `secrets set SLUG KEY VALUE`, the value is a secret.
fn without_values(mut error: clap::Error) -> clap::Error {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let takes_secrets = ["spile secrets ", "spile new ", "spile edit "].iter().any(|command| usage.contains(command));
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue] {
        let is_value = |shown: &str| !shown.starts_with('-') || kind == ContextKind::InvalidValue;
        if let Some(ContextValue::String(shown)) = error.get(kind)
            && takes_secrets
            && is_value(shown)
        {
            error.insert(kind, ContextValue::String(NOT_SHOWN.to_owned()));
        }
    }
    error
}

/// Returns the command line as it is parsed and documented, with each command's own formats.
pub(crate) fn command() -> clap::Command {
    let whole = Cli::command();
    let names: Vec<String> = whole.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let knowing = |whole: clap::Command, name: String| {
        let format = format::argument(&name);
        whole.mut_subcommand(name, |one| one.arg(format))
    };
    names.into_iter().fold(whole, knowing)
}

impl Cli {
    /// Refuses a format that the command cannot write, and flags that contradict each other.
    fn misfit(&self, name: &str) -> Option<clap::Error> {
        if let Command::Serve(args) = &self.command
            && let Some(sentence) = args.misfit()
        {
            return Some(command().error(clap::error::ErrorKind::ArgumentConflict, sentence));
        }
        if let Command::Sync(args) = &self.command
            && let Some(sentence) = args.misfit(self.global.format)
        {
            return Some(command().error(clap::error::ErrorKind::ArgumentConflict, sentence));
        }
        if let (Trust::Untrusted, Some(reason)) = (self.global.trust(), untrusted::refusal(&self.command)) {
            return Some(command().error(clap::error::ErrorKind::ArgumentConflict, reason.sentence()));
        }
        let formats = format::formats(name);
        if formats.contains(&self.global.format) {
            return None;
        }
        let word = |format: &Format| format.to_possible_value().map(|value| value.get_name().to_owned());
        let words: Vec<String> = formats.iter().filter_map(word).collect();
        let sentence = format!("`{name}` supports only the formats {}", words.join(", "));
        Some(command().error(clap::error::ErrorKind::InvalidValue, sentence))
    }
}

async fn exec(cli: &Cli, output: &mut Output) -> Result<u8, Error> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(args) => init::exec(args, global, output),
        Command::New(args) => new::new(args, global, output).await,
        Command::Edit(args) => new::edit(args, global, output).await,
        Command::Check(args) => check::exec(args, global, output),
        Command::Fmt(args) => fmt::exec(args, global, output),
        Command::Plan(args) => plan::exec(args, global, output).await,
        Command::Apply(args) => apply::exec(args, global, output).await,
        Command::Up(args) => up::exec(args, global, output).await,
        Command::Drift(args) => drift::drift(args, global, output).await,
        Command::Pull(args) => drift::pull(args, global, output).await,
        Command::History(args) => history::history(args, global, output).await,
        Command::Import(args) => import::exec(args, global, output).await,
        Command::Connectors(args) => connectors::exec(args, global, output).await,
        Command::Rollback(args) => rollback::exec(args, global, output).await,
        Command::Discover(args) => discover::exec(args, global, output).await,
        Command::Test(args) => run::test(args, global, output).await,
        Command::Sync(args) => run::sync(args, global, output).await,
        Command::Verify(args) => verify::exec(args, global, output).await,
        Command::Lock(args) => lock::exec(args, global, output).await,
        Command::Bake(args) => bake::exec(args, global, output).await,
        Command::Schedules(args) => schedules::exec(args, global, output).await,
        Command::RunDue(args) => schedules::run_due(args, global, output).await,
        Command::Serve(args) => serve::exec(args, global, output).await,
        Command::Tokens(args) => tokens::exec(args, global, output),
        Command::LoginCode(args) => login_code::exec(args, global, output),
        Command::Enable(args) => switch::enable(args, global, output).await,
        Command::Disable(args) => switch::disable(args, global, output).await,
        Command::Pause(args) => switch::pause(args, global, output).await,
        Command::Resume(args) => switch::resume(args, global, output).await,
        Command::Status(args) => history::status(args, global, output).await,
        Command::Runs(args) => history::runs(args, global, output).await,
        Command::State(args) => state::exec(args, global, output).await,
        Command::Logs(args) => history::logs(args, global, output).await,
        Command::Notify(args) => notify::exec(args, global, output).await,
        Command::Secrets(args) => secrets::exec(args, global, output).await,
        Command::Lsp(args) => lsp::exec(args, global, output).await,
        Command::Migrate(args) => migrate::exec(args, global, output).await,
        Command::Exec(args) => exec::exec(args, global, output).await,
        Command::Doctor(args) => doctor::exec(args, global, output).await,
        Command::Schema(args) => schema::exec(args, global, output),
        Command::Explain(args) => explain::exec(args, global, output),
        Command::Completions(args) => Ok(generate::completions(args, output)),
        Command::Man(args) => generate::man(args, output),
    }
}
