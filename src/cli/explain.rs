//! `spile explain`

use super::{Global, Output};
use spile_ops::{self as ops, Error};

/// Explain an error code and how to fix it: `spile explain spile::settings::missing`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The error code, with or without `spile::`
    #[arg(value_name = "CODE")]
    code: String,
}

pub(super) fn exec(args: &Args, _: &Global, output: &mut Output) -> Result<u8, Error> {
    let explanation = ops::explain::explain(&args.code)?;
    output.result(|| explanation.text.clone(), &explanation);
    Ok(0)
}
