//! Runs the built program.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::folder::Folder;

/// The result of a command.
pub struct Came {
    pub code: i32,
    pub out: String,
    pub notes: String,
}

impl Came {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().expect("the program was killed");
        Self { code, out: text(&output.stdout), notes: text(&output.stderr) }
    }

    /// Demands an exit code; shows the output otherwise.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.notes);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}", self.out))
    }

    /// Returns the last line of the results.
    pub fn last_line(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }
}

impl Folder {
    /// Returns a command in the folder, without a terminal.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.args(line.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
        // Agreements on this machine are for its users, not for tests.
        command.env_remove("SPILE_TRUST_REGISTRY").env_remove("SPILE_ALLOW_VARIABLES");
        command.env("XDG_STATE_HOME", self.path().join("state"));
        command
    }

    /// Runs a command line, split at spaces.
    pub fn spile(&self, line: &str) -> Came {
        Came::of(&self.command(line).output().unwrap())
    }
}

/// Runs a prepared command.
pub fn run(command: &mut Command) -> Came {
    Came::of(&command.output().unwrap())
}
