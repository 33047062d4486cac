//! `spile state`

mod change;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::tz::TimeZone;
use serde_json::json;
use tokio::sync::watch;

use super::selection_args::SelectionArgs;
use super::surroundings::actor;
use super::{Global, Output, host};
use change::{ClearArgs, CopyArgs, ImportArgs, RestoreArgs, SetArgs};
use spile_core::name::EnvironmentName;
use spile_ops::state::{self, Options, Scope};
use spile_ops::{Error, Loaded};
use spile_view as view;
use spile_world::World;
use spile_world::files::door::replace_named;

/// Show, compare, change and restore bookmarks: where syncs continue
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the states of integrations
    List {
        #[command(flatten)]
        which: SelectionArgs,
    },
    /// Show the bookmarks of an integration, and which sync or change set each of them
    Show {
        /// Name of the integration
        #[arg(value_name = "SLUG")]
        slug: String,
        /// Only this stream
        #[arg(value_name = "STREAM")]
        stream: Option<String>,
    },
    /// Show the syncs and changes of an integration whose states can be compared and restored
    History {
        /// Name of the integration
        #[arg(value_name = "SLUG")]
        slug: String,
        /// Number of syncs and changes to show
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        most: usize,
    },
    /// Compare the bookmarks that two syncs or changes left
    Diff {
        /// ID of the first, or its first characters (from `spile state history`)
        #[arg(value_name = "RUN")]
        one: String,
        /// ID of the second, or its first characters
        #[arg(value_name = "RUN")]
        other: String,
    },
    Set(SetArgs),
    Clear(ClearArgs),
    Copy(CopyArgs),
    Restore(RestoreArgs),
    /// Write the states of integrations as JSON
    Export {
        #[command(flatten)]
        which: SelectionArgs,
        /// Write to this file instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    Import(ImportArgs),
}

/// What a command works with.
pub(super) struct Session {
    loaded: std::sync::Arc<Loaded>,
    world: World,
    options: Options,
    signals: tokio::task::JoinHandle<()>,
}

impl Session {
    /// Opens the project, and hears when the user wants an end.
    fn open(global: &Global, output: &mut Output) -> Result<Self, Error> {
        let (loaded, world, environment) = global.open(output)?;
        Ok(Self::of(world, loaded, environment))
    }

    /// Works with an open project.
    pub(super) fn of(world: World, loaded: std::sync::Arc<Loaded>, environment: EnvironmentName) -> Self {
        let (interrupted, interrupt) = watch::channel(false);
        let signals = tokio::spawn(super::signals::pass_on(interrupted));
        let options = Options { environment, actor: actor(), host: host(), interrupt };
        Self { loaded, world, options, signals }
    }

    pub(super) fn scope(&self) -> Scope<'_> {
        Scope { world: &self.world, loaded: &self.loaded, options: &self.options }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.signals.abort();
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let session = Session::open(global, output)?;
    let scope = session.scope();
    let zone = TimeZone::system();
    match &args.command {
        Command::List { which } => {
            let listed = state::list(scope, &which.chosen(), &mut |event| output.event(&event)).await?;
            output.result(|| view::states::list(&listed, &zone), &json!({ "states": listed }));
        }
        Command::Show { slug, stream } => {
            let shown = state::show(scope, slug, stream.as_deref(), &mut |event| output.event(&event)).await?;
            output.result(|| view::states::show(&shown, &zone), &shown);
        }
        Command::History { slug, most } => {
            let entries = state::history(scope, slug, *most).await?;
            output.result(|| view::states::history(&entries, &zone), &json!({ "history": entries }));
        }
        Command::Diff { one, other } => {
            let found = state::between(scope, one, other).await?;
            output.result(|| view::states::differences(&found), &json!({ "changes": found }));
        }
        Command::Export { which, out } => {
            let export = state::export(scope, &which.chosen(), &mut |event| output.event(&event)).await?;
            let text = format!("{}\n", serde_json::to_string_pretty(&export).unwrap_or_default());
            match out {
                Some(path) => {
                    replace_named(path, text.as_bytes()).map_err(|source| Error::of_written(path, source))?;
                    let count = spile_ops::counted(export.states.len(), "state");
                    output.step("Exported", &format!("{count} to {}", path.display()));
                }
                None => output.text(&text),
            }
        }
        Command::Set(args) => args.exec(scope, output).await?,
        Command::Clear(args) => args.exec(scope, output).await?,
        Command::Copy(args) => args.exec(scope, output).await?,
        Command::Restore(args) => args.exec(scope, output).await?,
        Command::Import(args) => args.exec(scope, output).await?,
    }
    Ok(0)
}
