//! Third-party connectors: importing, listing, searching and showing them with the program.

mod about;
mod import;
mod real;
mod secure;
mod shelf;
mod upgrades;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::cli::program::Came;
use crate::folder::Folder;

/// Returns the hub's definitions, by path.
pub fn hub() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connectors/hub");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}

impl Folder {
    /// Runs a command line with text on standard input.
    pub fn spile_with(&self, line: &str, input: &[u8]) -> Came {
        let mut command = self.command(line);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that fails early does not read all of it.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
        Came::of(&child.wait_with_output().unwrap())
    }
}
