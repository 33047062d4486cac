//! `spile connectors`

mod certify;
mod from;
mod import;
mod update;
mod upgrade;

use clap::{Subcommand, ValueEnum};

use super::untrusted::UntrustedRefusal;
use super::{Global, Output};
use spile_core::connector::Role;
use spile_ops::Error;
use spile_ops::connectors::{Shelf, ShelfEntry};
use spile_view as view;

/// List, search, show and import connectors
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

impl Args {
    /// Tells whether the command writes nothing.
    pub(super) fn only_reads(&self) -> bool {
        match self.command {
            Command::List(_) | Command::Search(_) | Command::Show(_) => true,
            // It writes into spile's own folder only.
            Command::Certify(_) | Command::Import(_) | Command::Update(_) | Command::Upgrade(_) => false,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the built-in connectors and those of the project
    List(ListArgs),
    /// Search connectors by name, label, category, keywords and description
    Search(SearchArgs),
    /// Show a connector: what it installs, its settings, which are required
    Show(ShowArgs),
    /// Create a connector from the Meltano hub, a lock file, a meltano.yml or a tap's own `--about`
    Import(import::Args),
    /// Download the definitions of the Meltano hub, to show and import them offline
    Update(update::Args),
    /// Upgrade a connector of the project to a newer definition, after showing what changes for which integrations
    Upgrade(upgrade::Args),
    /// Grade an extractor: read a source several times, kill the tap in between, and compare what arrives
    Certify(certify::Args),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Include the hub's connectors, as downloaded by `spile connectors update`
    #[arg(long)]
    hub: bool,
    /// List only extractors or only loaders
    #[arg(long)]
    kind: Option<KindArg>,
}

#[derive(Debug, clap::Args)]
struct SearchArgs {
    /// Words to search for; all of them must match
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// List only extractors or only loaders
    #[arg(long)]
    kind: Option<KindArg>,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The connector's name, as in `type` of an integration
    name: String,
    /// Pick the extractor or the loader if both have this name
    #[arg(long)]
    kind: Option<KindArg>,
}

/// The side of a pipeline, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    Extractor,
    Loader,
}

impl From<KindArg> for Role {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Extractor => Self::Extractor,
            KindArg::Loader => Self::Loader,
        }
    }
}

impl Args {
    /// Returns why the command is refused for an untrusted project.
    pub(super) fn refusal(&self) -> Option<UntrustedRefusal> {
        match &self.command {
            Command::List(args) => args.hub.then_some(UntrustedRefusal::Believes),
            Command::Search(_) | Command::Show(_) => None,
            Command::Import(_) | Command::Upgrade(_) => Some(UntrustedRefusal::Writes),
            Command::Update(_) => Some(UntrustedRefusal::Asks),
            Command::Certify(_) => Some(UntrustedRefusal::Runs),
        }
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    match &args.command {
        Command::List(args) => {
            let project = global.project()?;
            let shelf = if args.hub { Shelf::with_hub(&project)? } else { Shelf::read(&project)? };
            list(&shelf.standing(args.kind.map(Role::from)).collect::<Vec<_>>(), output);
        }
        Command::Search(args) => {
            let shelf = Shelf::with_hub(&global.project()?)?;
            list(&shelf.search(&args.words, args.kind.map(Role::from)), output);
        }
        Command::Show(args) => {
            let shown = Shelf::with_hub(&global.project()?)?.show(&args.name, args.kind.map(Role::from))?;
            output.result(|| view::connectors::show(&shown), &view::connectors::data::show(&shown));
        }
        Command::Import(args) => return import::exec(args, global, output).await,
        Command::Update(args) => return update::exec(args, global, output).await,
        Command::Upgrade(args) => return upgrade::exec(args, global, output).await,
        Command::Certify(args) => return certify::exec(args, global, output).await,
    }
    Ok(0)
}

fn list(standing: &[&ShelfEntry], output: &mut Output) {
    output.result(|| view::connectors::list(standing), &view::connectors::data::list(standing));
}
