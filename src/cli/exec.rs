//! `spile exec`

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;

use super::{Global, Output, exit};
use spile_ops::{self as ops, Error};

/// Run a command with an integration's settings and secrets as environment variables, named as Meltano reads them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the integration
    slug: String,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let status = ops::exec(&world, &loaded, &args.slug, &environment, &args.command).await?;
    // As in shells, a signal is 128 plus its number.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED))
}
