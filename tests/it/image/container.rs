//! A container without an engine: a private file system in which folders are read-only, no network, and a user who is
//! not root. It needs a Linux that lets its users make namespaces.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Ran;
use crate::tools;

/// The user and group of the process, as in the image.
const USER: &str = "10001";

/// What a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// No network at all, not even the machine itself.
    Nothing,
    /// The network of the machine.
    Host,
}

/// Whether the root file system can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// As the user may.
    Writable,
    /// Not at all.
    ReadOnly,
}

/// A container.
pub struct Container {
    /// The folders that are read-only.
    pub read_only: Vec<PathBuf>,
    /// Its root file system.
    pub root: Root,
    /// The folders that stay writable although the root file system is read-only.
    pub writable: Vec<PathBuf>,
    /// Its network.
    pub network: Network,
    /// The folder in which the process starts.
    pub folder: PathBuf,
    /// The environment of the process. It has no other variable.
    pub environment: Vec<(String, String)>,
}

impl Container {
    /// Returns whether this machine can start one, and says so if it cannot.
    pub fn is_possible() -> bool {
        let probe = Self::in_folder(Path::new("/tmp")).command(Path::new("true"), &[]).output();
        let can = probe.is_ok_and(|output| output.status.success());
        if !can {
            tools::not_tested("what runs in a container", "this user cannot make namespaces");
        }
        can
    }

    /// A container whose working folder is read-only.
    pub fn in_folder(folder: &Path) -> Self {
        let environment = vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())];
        Self {
            read_only: Vec::new(),
            root: Root::Writable,
            writable: Vec::new(),
            network: Network::Nothing,
            folder: folder.to_owned(),
            environment,
        }
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Runs spile to its end.
    pub fn spile(&self, words: &[&str]) -> Ran {
        Ran(self.command(Path::new(env!("CARGO_BIN_EXE_spile")), words).output().unwrap())
    }

    /// Returns the command that starts a program in it.
    pub fn command(&self, program: &Path, words: &[&str]) -> Command {
        let mut script = "set -e\n".to_owned();
        for folder in &self.writable {
            let folder = folder.display();
            let _ = writeln!(script, "mount --bind '{folder}' '{folder}'");
        }
        if self.root == Root::ReadOnly {
            script += "mount -o remount,ro,bind /\n";
        }
        for folder in &self.read_only {
            let folder = folder.display();
            let _ = writeln!(script, "mount --bind '{folder}' '{folder}'\nmount -o remount,ro,bind '{folder}'");
        }
        // Otherwise the working folder is still the one below the mount.
        script += "cd \"$FOLDER\"\nunset FOLDER\n";
        let _ = writeln!(script, "exec unshare --user --map-user={USER} --map-group={USER} \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        if self.network == Network::Nothing {
            command.arg("--net");
        }
        command.args(["sh", "-c", &script, "container"]).arg(program).args(words);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("FOLDER", &self.folder).envs(tools::profile());
        command
    }
}
