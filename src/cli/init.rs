//! `spile init`

use serde_json::json;

use super::{Global, Output};
use spile_ops::{self as ops, Error};
use spile_view::{STRONG, styled};

/// Create a project in this folder, with an example that runs without an account
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the project [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let made = ops::init(&global.folder()?, args.name.as_deref())?;
    let text = || format!("Made:\n  {}\n\nNext: {}\n", made.join("\n  "), styled(STRONG, "spile up"));
    output.result(text, &json!({ "made": made }));
    Ok(0)
}
