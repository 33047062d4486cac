//! `spile secrets list`

use serde_json::json;

use crate::cli::{Global, Output};
use spile_ops::{Error, secrets};
use spile_view as view;

/// Which secrets to list
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Names of the integrations [default: all that have secrets]
    #[arg(value_name = "SLUG")]
    names: Vec<String>,
}

pub(super) async fn list(args: &ListArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let listed = secrets::list(&world, &loaded, &environment, &args.names).await?;
    let text = || view::secrets::list(&listed, (world.clock)());
    output.result(text, &json!({ "environment": environment, "integrations": listed }));
    Ok(0)
}
