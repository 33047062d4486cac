//! `spile secrets`

mod access;
mod git;
mod list;
mod sign_in;
mod values;

use clap::Subcommand;

use super::{Global, Output};
use spile_ops::Error;
use spile_ops::secrets::{Access, SecretsFile};
use spile_world::files::own_folder::Own;
use spile_world::{Keys, Program, Project};

/// Set, edit and view secrets, and manage their recipients
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key and a `.sops.yaml`, unless they exist
    Init(access::InitArgs),
    /// List secrets without their values, and show which of them their sources have rotated
    List(list::ListArgs),
    /// Set a secret, from a hidden prompt or from standard input
    Set(values::SetArgs),
    /// Sign in to the source of an integration with a browser, and encrypt its token
    SignIn(sign_in::SignInArgs),
    /// Remove a secret
    Unset(values::UnsetArgs),
    /// Edit the secrets of an integration in your editor; only changed values are re-encrypted
    Edit(values::NameArgs),
    /// Show the secrets of an integration in plain text, after asking
    View(values::ViewArgs),
    /// Encrypt plain-text secrets under `[secrets]` and `[config]`
    Encrypt(values::NamesArgs),
    /// Import secrets from a `.env` file or from JSON
    Import(values::ImportArgs),
    /// Print the encrypted secrets as JSON that the official sops can decrypt
    Export(values::NameArgs),
    /// Re-encrypt secrets under a new data key
    Rotate(access::RotateArgs),
    /// Re-encrypt for exactly the recipients in `.sops.yaml`
    Updatekeys(access::UpdatekeysArgs),
    /// Merge two versions of a file (git merge driver)
    Resolve(git::ResolveArgs),
    /// Show a file with marks in place of ciphertexts (git diff driver)
    Textconv(git::TextconvArgs),
}

impl Args {
    /// Tells whether the command writes no file of the project.
    pub(super) fn only_reads(&self) -> bool {
        match self.command {
            Command::List(_) | Command::View(_) | Command::Export(_) | Command::Resolve(_) | Command::Textconv(_) => {
                true
            }
            Command::Init(_)
            | Command::Set(_)
            | Command::SignIn(_)
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
    // Git calls these two, in repositories that may not have a project.
    match &args.command {
        Command::Resolve(args) => return git::resolve(args, output).await,
        Command::Textconv(args) => return git::textconv(args, output),
        Command::List(args) => return list::list(args, global, output).await,
        _ => {}
    }
    let desk = SecretsContext::open(global, output)?;
    match &args.command {
        Command::Init(args) => access::init(args, &desk, output).await,
        Command::Set(args) => values::set(args, &desk, output).await,
        Command::SignIn(args) => sign_in::exec(args, &desk, global, output).await,
        Command::Unset(args) => values::unset(args, &desk, output).await,
        Command::Edit(args) => values::edit(args, &desk, output).await,
        Command::View(args) => values::view(args, &desk, output).await,
        Command::Encrypt(args) => values::encrypt(args, &desk, output).await,
        Command::Import(args) => values::import(args, &desk, output).await,
        Command::Export(args) => values::export(args, &desk, output),
        Command::Rotate(args) => access::rotate(args, &desk, output).await,
        Command::Updatekeys(args) => access::updatekeys(args, &desk, global, output).await,
        Command::List(_) | Command::Resolve(_) | Command::Textconv(_) => Ok(0),
    }
}

/// The context of the commands.
struct SecretsContext {
    project: Project,
    keys: Keys,
    program: Program,
    environment: Option<String>,
}

impl SecretsContext {
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

    /// Returns the named files, or all that have secrets.
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
