//! `spile secrets resolve` and `textconv`, which git calls.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::{Output, exit};
use spile_core::problem::listed;
use spile_ops::Error;
use spile_ops::secrets::{self, Versions};
use spile_world::files::door::replace_named;
use spile_world::files::door::text_named;
use spile_world::files::io_error::IoError;

/// The versions of a file, as git's merge drivers get them: `%O %A %B %P`
#[derive(Debug, clap::Args)]
pub struct ResolveArgs {
    /// Common ancestor
    base: PathBuf,
    /// Our version; the result is written here
    ours: PathBuf,
    /// Their version
    theirs: PathBuf,
    /// Path to show in messages
    path: Option<PathBuf>,
}

/// A file
#[derive(Debug, clap::Args)]
pub struct TextconvArgs {
    /// The file
    file: PathBuf,
}

pub(super) async fn resolve(args: &ResolveArgs, output: &mut Output) -> Result<u8, Error> {
    let (base, ours, theirs) = (read(&args.base)?, read(&args.ours)?, read(&args.theirs)?);
    let path = args.path.as_ref().unwrap_or(&args.ours);
    let versions = Versions { base: &base, ours: &ours, theirs: &theirs };
    let keys = crate::cli::keys(output);
    let merged = secrets::merge(path, versions, &keys, jiff::Timestamp::now()).await?;
    let io = IoError::of("write", &args.ours);
    replace_named(&args.ours, merged.text.as_bytes()).map_err(io)?;
    if !merged.secrets.is_empty() {
        let names = listed(merged.secrets.iter().map(String::as_str));
        let help = "our values were kept; set the right ones with `spile secrets set`, then run `git add`";
        output.note(&format!("{}: both sides changed {names}; {help}\n", path.display()));
    }
    output.result(
        String::new,
        &json!({ "path": path, "secrets_in_conflict": merged.secrets, "text_in_conflict": merged.is_text_in_conflict }),
    );
    Ok(if merged.is_in_conflict() { exit::FAILED } else { 0 })
}

pub(super) fn textconv(args: &TextconvArgs, output: &mut Output) -> Result<u8, Error> {
    output.text(&secrets::textconv(&args.file, &read(&args.file)?));
    Ok(0)
}

fn read(path: &Path) -> Result<String, Error> {
    text_named(path).map_err(|why| Error::of_named(path, why))
}
