//! `spile secrets`

mod access;
mod git;
mod values;

use clap::Subcommand;

use super::{Global, Output};
use spile_ops::Error;
use spile_ops::secrets::{Access, SecretsFile};
use spile_world::files::own::Own;
use spile_world::{Keys, Program, Project};

/// Set, edit and show secrets, and say who may read them
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key, a `.sops.yaml` and git's drivers, each where there is none yet
    Init(access::InitArgs),
    /// Set one secret: asked for without an echo, or read from standard input
    Set(values::SetArgs),
    /// Take one secret away
    Unset(values::UnsetArgs),
    /// Edit all secrets of an integration in your editor; only what changed is encrypted anew
    Edit(values::NameArgs),
    /// Show the secrets of an integration in plain text, after asking
    View(values::ViewArgs),
    /// Encrypt what stands in plain text, under `[secrets]` or as a secret setting under `[config]`
    Encrypt(values::NamesArgs),
    /// Take secrets over from a `.env` file or from JSON
    Import(values::ImportArgs),
    /// Write the encrypted secrets as JSON that the official sops decrypts
    Export(values::NameArgs),
    /// Encrypt everything anew under a new data key
    Rotate(access::RotateArgs),
    /// Give all secrets to whom `.sops.yaml` asks for, and to nobody else
    Updatekeys(access::UpdatekeysArgs),
    /// Merge two versions of a file, for git
    Resolve(git::ResolveArgs),
    /// Show a file with marks in place of ciphertexts, for `git diff`
    Textconv(git::TextconvArgs),
}

impl Args {
    /// Tells whether nothing of the project is written.
    pub(super) fn only_reads(&self) -> bool {
        match self.command {
            Command::View(_) | Command::Export(_) | Command::Resolve(_) | Command::Textconv(_) => true,
            Command::Init(_)
            | Command::Set(_)
            | Command::Unset(_)
            | Command::Edit(_)
            | Command::Encrypt(_)
            | Command::Import(_)
            | Command::Rotate(_)
            | Command::Updatekeys(_) => false,
        }
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    // Git calls these two, in repositories where there may be no project.
    match &args.command {
        Command::Resolve(args) => return git::resolve(args, output).await,
        Command::Textconv(args) => return git::textconv(args, output),
        _ => {}
    }
    let desk = Desk::open(global, output)?;
    match &args.command {
        Command::Init(args) => access::init(args, &desk, output).await,
        Command::Set(args) => values::set(args, &desk, output).await,
        Command::Unset(args) => values::unset(args, &desk, output).await,
        Command::Edit(args) => values::edit(args, &desk, output).await,
        Command::View(args) => values::view(args, &desk, output).await,
        Command::Encrypt(args) => values::encrypt(args, &desk, output).await,
        Command::Import(args) => values::import(args, &desk, output).await,
        Command::Export(args) => values::export(args, &desk, output),
        Command::Rotate(args) => access::rotate(args, &desk, output).await,
        Command::Updatekeys(args) => access::updatekeys(args, &desk, output).await,
        Command::Resolve(_) | Command::Textconv(_) => Ok(0),
    }
}

/// What commands on secrets work with.
struct Desk {
    project: Project,
    keys: Keys,
    program: Program,
    environment: Option<String>,
}

impl Desk {
    fn open(global: &Global, output: &Output) -> Result<Self, Error> {
        Ok(Self {
            project: global.project()?,
            keys: super::keys(output),
            program: super::program(),
            environment: global.environment.clone(),
        })
    }

    fn access(&self) -> Access<'_> {
        Access { project: &self.project, keys: &self.keys, program: &self.program, now: jiff::Timestamp::now() }
    }

    fn find(&self, slug: &str) -> Result<SecretsFile, Error> {
        SecretsFile::find(&self.project, slug, self.environment.as_deref())
    }

    /// Returns the files that are named, or all that have secrets.
    fn files(&self, names: &[String]) -> Result<Vec<SecretsFile>, Error> {
        if names.is_empty() {
            let mut all = SecretsFile::all(&self.project)?;
            all.retain(|file| file.document.is_some());
            return Ok(all);
        }
        names.iter().map(|name| self.find(name)).collect()
    }

    fn own(&self) -> Own {
        self.project.own()
    }
}
