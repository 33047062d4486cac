//! `spile secrets set`, `unset`, `edit`, `view`, `encrypt`, `import` and `export`

use std::io::Read;
use std::path::Path;

use serde_json::json;

use super::SecretsContext;
use crate::cli::{Output, exit};
use spile_core::connector::Connector;
use spile_core::secret::Secret;
use spile_ops::secrets::{self, Changed, Error, SecretsFile, Values, edit as editing};
use spile_ops::{self as ops, counted};
use spile_world::files::door::text_named;
use spile_world::files::io_error::IoError;

/// An integration
#[derive(Debug, clap::Args)]
pub struct NameArgs {
    /// Name of the integration
    slug: String,
}

/// Integrations
#[derive(Debug, clap::Args)]
pub struct NamesArgs {
    /// Names of the integrations
    #[arg(value_name = "SLUG", required = true)]
    names: Vec<String>,
}

/// What to set
#[derive(Debug, clap::Args)]
pub struct SetArgs {
    /// Name of the integration
    slug: String,
    /// Name of the setting
    key: String,
    /// Read the value from standard input, without its final line break
    #[arg(long)]
    stdin: bool,
}

/// What to remove
#[derive(Debug, clap::Args)]
pub struct UnsetArgs {
    /// Name of the integration
    slug: String,
    /// Name of the setting
    key: String,
}

/// What to show
#[derive(Debug, clap::Args)]
pub struct ViewArgs {
    /// Name of the integration
    slug: String,
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
}

/// What to import
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// Name of the integration
    slug: String,
    /// A `.env` or JSON file; `-` for standard input
    file: String,
}

pub(super) type Done = Result<u8, ops::Error>;

pub(super) async fn set(args: &SetArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    let connector = file.connector(&desk.project)?;
    if let Some(connector) = &connector {
        SecretsFile::setting(connector, &args.key)?;
    }
    let value = if args.stdin {
        standard_input()?
    } else {
        output.ask_secret(&format!("{} of {}", args.key, args.slug)).ok_or_else(|| Error::NoTerminal {
            what: format!("`{}`", args.key),
            help: "use `--stdin` and pipe the value in, for example `pass show shop | spile secrets set ... --stdin`",
        })?
    };
    let changes = [(args.key.clone(), Some(value))];
    change(&file, connector.as_deref(), &changes, desk, output).await
}

pub(super) async fn unset(args: &UnsetArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    let names = file.names()?;
    if !names.contains(&args.key) {
        let help = format!("its secrets are {}", spile_core::problem::listed(names.iter().map(String::as_str)));
        let connector = format!("`{}`", args.slug);
        return Err(Error::Unknown { connector, name: args.key.clone(), help }.into());
    }
    change(&file, None, &[(args.key.clone(), None)], desk, output).await
}

/// Writes changes and reports the result.
pub(super) async fn change(
    file: &SecretsFile,
    connector: Option<&Connector>,
    changes: &[(String, Option<Secret>)],
    desk: &SecretsContext,
    output: &mut Output,
) -> Done {
    for (name, value) in changes {
        if let (Some(connector), Some(value)) = (connector, value) {
            SecretsFile::fits(connector, name, value)?;
        }
    }
    let outcome = if changes.is_empty() { Changed::Not } else { file.change(desk.access(), changes).await? };
    let set: Vec<&String> = changes.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect();
    let unset: Vec<&String> = changes.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
    let path = file.path().display().to_string();
    let text = || match outcome {
        Changed::Not => format!("{path} is unchanged\n"),
        Changed::Written => {
            let what = [(set.len(), "encrypted"), (unset.len(), "removed")];
            let what = what.into_iter().filter(|(count, _)| *count > 0);
            let what: Vec<String> = what.map(|(count, verb)| format!("{} {verb}", counted(count, "secret"))).collect();
            format!("{path}: {}\n", what.join(", "))
        }
    };
    output.result(text, &json!({ "path": path, "written": outcome == Changed::Written, "set": set, "unset": unset }));
    Ok(0)
}

pub(super) async fn edit(args: &NameArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    if let Some(sidecar) = &file.sidecar {
        return Err(Error::InSidecar { slug: file.name.slug.clone(), path: sidecar.path().to_owned() }.into());
    }
    let connector = file.connector(&desk.project)?;
    let values = if file.document.is_some() { file.values(&desk.keys).await? } else { Values::new() };
    let editor = crate::cli::editor();
    let mut text = editing::as_text(&values, &args.slug);
    loop {
        text = editor.edit(&text, &desk.own()).map_err(Error::from)?;
        let checked = editing::changes(&values, &text).and_then(|changes| {
            for (name, value) in &changes {
                if let (Some(connector), Some(value)) = (&connector, value) {
                    SecretsFile::fits(connector, name, value)?;
                }
            }
            Ok(changes)
        });
        match checked {
            Ok(changes) => return change(&file, None, &changes, desk, output).await,
            Err(error) => {
                output.error(&error.into());
                if !output.confirm("Open the editor again?") {
                    return Err(ops::Error::Declined);
                }
            }
        }
    }
}

pub(super) async fn view(args: &ViewArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    file.names()?;
    if !args.yes && !output.confirm(&format!("Show the secrets of `{}` in plain text?", file.title())) {
        if output.asks() {
            output.note("nothing was shown\n");
            return Ok(exit::FAILED);
        }
        return Err(Error::NoTerminal {
            what: "a confirmation".to_owned(),
            help: "answer `yes`, or use `--yes` to skip the question",
        }
        .into());
    }
    let values = file.values(&desk.keys).await?;
    // The only place in the program that shows secrets, because the user asked for it.
    let shown: serde_json::Map<String, serde_json::Value> =
        values.iter().map(|(name, value)| (name.clone(), json!(value.expose()))).collect();
    output.result(|| editing::lines(&values).expose().to_owned(), &shown);
    Ok(0)
}

pub(super) async fn encrypt(args: &NamesArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let mut done = Vec::new();
    for name in &args.names {
        let file = desk.find(name)?;
        let names = secrets::encrypt(desk.access(), &file).await?;
        done.push(json!({ "path": file.source.path(), "encrypted": names }));
        let what = if names.is_empty() {
            "no secrets are in plain text".to_owned()
        } else {
            counted(names.len(), "secret") + " encrypted"
        };
        output.note(&format!("{}: {what}\n", file.source.path().display()));
    }
    output.result(String::new, &json!({ "files": done }));
    Ok(0)
}

pub(super) async fn import(args: &ImportArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    let text = if args.file == "-" { all_of_standard_input()? } else { read(&args.file)? };
    let Some(connector) = file.connector(&desk.project)? else {
        let (slug, connector) = (args.slug.clone(), format!("`{}`", args.slug));
        let help = format!("set the connector of `{slug}` with `type`, and run `spile check`");
        return Err(Error::Unknown { connector, name: "type".to_owned(), help }.into());
    };
    let found = secrets::import(&args.file, text.expose(), &connector, &file.name.slug)?;
    for key in &found.passed_over {
        output.note(&format!("skipped: `{key}` is not a secret setting of {}\n", connector.head.label));
    }
    let changes: Vec<_> = found.secrets.into_iter().map(|(name, value)| (name, Some(value))).collect();
    change(&file, Some(&connector), &changes, desk, output).await
}

pub(super) fn export(args: &NameArgs, desk: &SecretsContext, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    output.bytes(format!("{}\n", file.exported()?).as_bytes());
    Ok(0)
}

/// Reads one secret without its final line break, which comes from the command before the pipe.
fn standard_input() -> Result<Secret, ops::Error> {
    let text = all_of_standard_input()?;
    let value = text.expose();
    let value = value.strip_suffix("\r\n").or_else(|| value.strip_suffix('\n')).unwrap_or(value);
    Ok(Secret::new(value))
}

fn all_of_standard_input() -> Result<Secret, ops::Error> {
    let mut text = zeroize::Zeroizing::new(String::new());
    let io = IoError::of("read", "standard input");
    std::io::stdin().read_to_string(&mut text).map_err(io)?;
    Ok(Secret::new(text.as_str()))
}

fn read(path: &str) -> Result<Secret, ops::Error> {
    text_named(Path::new(path)).map(Secret::new).map_err(|why| ops::Error::of_named(Path::new(path), why))
}
