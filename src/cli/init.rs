//! `spile init`

use serde_json::json;

use super::{Global, Output};
use spile_ops::{self as ops, Error};
use spile_view::{STRONG, styled};

/// Make a project here that works at once, with an example that needs no account
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's name, instead of the folder's
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let made = ops::init(&global.folder()?, args.name.as_deref())?;
    let text = || format!("Made:\n  {}\n\nNext: {}\n", made.join("\n  "), styled(STRONG, "spile up"));
    output.result(text, &json!({ "made": made }));
    Ok(0)
}
