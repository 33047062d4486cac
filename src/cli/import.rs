//! `spile import`

use super::{Global, Output, take_over};
use crate::name::Slug;
use crate::ops::Error;

/// Make files of what is there already: rows of the registry that are nobody's
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of the registry's rows, only these, by name
    #[arg(value_name = "SLUG", requires = "registry")]
    names: Vec<Slug>,
    /// Make files for the rows of the registry that are nobody's, for `spile plan --adopt`
    #[arg(long, required = true)]
    registry: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    take_over::exec(&args.names, (args.yes, global), output).await
}
