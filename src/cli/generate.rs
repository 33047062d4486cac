//! `spile completions` and `spile man`

use clap::CommandFactory;

use super::{Cli, Output};
use spile_ops::Error;
use spile_world::files::io_error::IoError;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn completions(args: &CompletionsArgs, output: &mut Output) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "spile", &mut script);
    output.bytes(&script);
    0
}

/// Print the manual page of spile or of one of its commands
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The command
    #[arg(value_name = "COMMAND", value_parser = command)]
    command: Option<Box<clap::Command>>,
}

/// Returns the command with a name.
fn command(name: &str) -> Result<Box<clap::Command>, String> {
    let mut program = super::command();
    program.build();
    let names: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    let known = || format!("the commands are {}", spile_core::problem::listed(names));
    program.find_subcommand(name).cloned().map(Box::new).ok_or_else(known)
}

pub(super) fn man(args: &ManArgs, output: &mut Output) -> Result<u8, Error> {
    let wanted = args.command.as_deref().cloned().unwrap_or_else(Cli::command);
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(wanted).render(&mut page);
    rendered.map_err(IoError::of("write", "the manual page"))?;
    output.bytes(&page);
    Ok(0)
}
