//! `spile tokens`

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use super::{Global, Output};
use spile_ops::Error;
use spile_view::table::table;
use spile_world::Tokens;
use spile_world::files::io_error::IoError;
use spile_world::stores::tokens::{KeptToken, Role, Token};

/// Manage the API tokens of `spile serve`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a token, or replace the one with this name; it is shown once, and only its hash is stored
    New {
        /// Name of the token; changes made with it appear under this name
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        name: String,
        /// What the token allows: view (viewer), change files and run (editor), apply plans (admin)
        #[arg(long, value_parser = role, default_value = "editor")]
        role: Role,
    },
    /// List tokens
    List,
    /// Revoke a token immediately
    Revoke {
        /// Name of the token
        name: String,
    },
}

pub(super) fn role(word: &str) -> Result<Role, String> {
    let found = Role::WORDS.into_iter().find(|(known, _)| *known == word);
    found.map(|(_, role)| role).ok_or_else(|| "use `viewer`, `editor` or `admin`".to_owned())
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let tokens = Tokens::of(&global.project()?.own_folder());
    let io = |doing| IoError::of(doing, ".spile/tokens.json");
    match &args.command {
        Command::New { name, role } => {
            let Token(token) = tokens.make(name, *role, Timestamp::now()).map_err(io("write"))?;
            output.result(|| format!("{token}\n"), &json!({ "name": name, "role": role, "token": token }));
        }
        Command::List => {
            let all = tokens.all().map_err(io("read"))?;
            let row =
                |one: &KeptToken| [one.name.as_str().into(), one.role.word().into(), one.created_at.to_string().into()];
            let text = || table(["name", "role", "made"], &all.iter().map(row).collect::<Vec<_>>());
            let data: Vec<_> = all
                .iter()
                .map(|one| json!({ "name": one.name, "role": one.role, "created_at": one.created_at }))
                .collect();
            output.result(text, &json!({ "tokens": data }));
        }
        Command::Revoke { name } => {
            if !tokens.revoke(name).map_err(io("write"))? {
                return Err(Error::NoToken { name: name.clone() });
            }
            output.step("Revoked", name);
        }
    }
    Ok(0)
}
