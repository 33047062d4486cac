//! `spile connectors`

mod from;
mod import;
mod update;
mod upgrade;

use clap::{Subcommand, ValueEnum};

use super::untrusted::Refusal;
use super::{Global, Output};
use spile_core::connector::{Role, search};
use spile_ops::Error;
use spile_ops::connectors::{Shelf, Standing};
use spile_view as view;

/// List, find and show connectors, and take over those that others define
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

impl Args {
    /// Tells whether nothing is written.
    pub(super) fn only_reads(&self) -> bool {
        match self.command {
            Command::List(_) | Command::Search(_) | Command::Show(_) => true,
            Command::Import(_) | Command::Update(_) | Command::Upgrade(_) => false,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all connectors: the built-in ones and the project's own
    List(ListArgs),
    /// Find connectors by words in their name, label, category, keywords and description, the best first
    Search(SearchArgs),
    /// Show a connector: what it installs, its settings, what has to be set
    Show(ShowArgs),
    /// Make a connector of a definition of the Meltano hub, of a lock file, a meltano.yml, or of a tap itself
    Import(import::Args),
    /// Ask the Meltano hub for its definitions and keep them: `search`, `show` and `import hub:…` find them without a network
    Update(update::Args),
    /// Lay a newer definition over a connector of the project's, after showing what that changes and for which integrations
    Upgrade(upgrade::Args),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Those of the hub too, as `connectors update` has kept them
    #[arg(long)]
    hub: bool,
    /// Only extractors, or only loaders
    #[arg(long)]
    kind: Option<KindArg>,
}

#[derive(Debug, clap::Args)]
struct SearchArgs {
    /// What to look for; all of the words have to be found
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Only extractors, or only loaders
    #[arg(long)]
    kind: Option<KindArg>,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The connector, as integrations write it in `type`
    name: String,
    /// Only the extractor, or only the loader of that name
    #[arg(long)]
    kind: Option<KindArg>,
}

/// Which side of a pipeline, as the command line says it.
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
    /// Returns why it is refused over a project that is not the user's own.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match &self.command {
            Command::List(args) => args.hub.then_some(Refusal::Believes),
            Command::Search(_) | Command::Show(_) => None,
            Command::Import(_) | Command::Upgrade(_) => Some(Refusal::Writes),
            Command::Update(_) => Some(Refusal::Asks),
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
            let all = shelf.standing(args.kind.map(Role::from)).map(|one| (&one.head, one));
            list(&search::search(all, &args.words), output);
        }
        Command::Show(args) => {
            let shown = Shelf::with_hub(&global.project()?)?.show(&args.name, args.kind.map(Role::from))?;
            output.result(|| view::connectors::show(&shown), &view::connectors::data::show(&shown));
        }
        Command::Import(args) => return import::exec(args, global, output).await,
        Command::Update(args) => return update::exec(args, global, output).await,
        Command::Upgrade(args) => return upgrade::exec(args, global, output).await,
    }
    Ok(0)
}

fn list(standing: &[&Standing], output: &mut Output) {
    output.result(|| view::connectors::list(standing), &view::connectors::data::list(standing));
}
