//! `spile init`

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Global, Output, host};
use spile_ops::{self as ops, Error};
use spile_view::{STRONG, styled};

/// Create a project, with an example that runs without an account
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the project, which is created if it does not exist [default: this folder]
    #[arg(value_name = "DIR")]
    new_folder: Option<PathBuf>,
    /// Name of the project [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let here = global.folder()?;
    let folder = args.new_folder.as_ref().map_or(here.clone(), |folder| here.join(folder));
    let made = ops::init(&folder, args.name.as_deref())?;
    let go = args.new_folder.as_ref().map(|folder| format!("cd {} && ", quoted(folder))).unwrap_or_default();
    let spile = if host().program.is_some_and(|program| is_of_uvx(&program)) { "uvx spile" } else { "spile" };
    let text = || format!("Made:\n  {}\n\nNext: {}\n", made.join("\n  "), styled(STRONG, &format!("{go}{spile} up")));
    output.result(text, &json!({ "made": made }));
    Ok(0)
}

/// Tells whether `uvx` runs a program, from an environment in uv's cache, which is not on the `PATH`.
fn is_of_uvx(program: &Path) -> bool {
    program.iter().any(|part| part == "archive-v0")
}

/// Returns a path as one word of a shell.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    shlex::try_quote(&path).map_or_else(|_| path.to_string(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_the_cache_of_uv_is_run_by_uvx() {
        assert!(is_of_uvx(Path::new("/home/anna/.cache/uv/archive-v0/Zk3/bin/spile")));
        assert!(!is_of_uvx(Path::new("/home/anna/.local/bin/spile")));
    }
}
