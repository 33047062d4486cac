//! A project of a bench, Meltano as its users run it, and rows for the fastest runs and the medians.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parts::{Against, Took, median, once, row, write};

/// A loader that writes JSON Lines.
pub const FILES: &str =
    "type = 'jsonl'\nkind = 'loader'\n[config]\ndestination_path = 'output'\ndo_timestamp_file = false\n";

/// A loader that writes a file of DuckDB.
pub const DUCK: &str =
    "type = 'duckdb'\nkind = 'loader'\n[config]\npath = 'warehouse.duckdb'\ndefault_target_schema = 'raw'\n";

/// The password of the user `shop` of the tests' Postgres.
pub const PASSWORD: &str = "hunter2";

/// The words of Meltano that a tap and a target follow.
pub const RUN: [&str; 3] = ["--environment", "dev", "run"];

/// A project below `target/`.
pub struct Project {
    pub folder: PathBuf,
}

impl Project {
    /// Begins an empty project. It is a repository, for else the encryption rules of this one would apply.
    pub fn new(name: &str, settings: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
        drop(std::fs::remove_dir_all(&folder));
        let this = Self { folder };
        this.write("spile.toml", settings);
        succeeds(Command::new("git").args(["init", "--quiet"]).current_dir(&this.folder));
        this
    }

    pub fn write(&self, path: &str, text: &str) {
        write(&self.folder, path, text);
    }

    /// Returns the path of a program of the project's virtual environment.
    pub fn in_venv(&self, program: &str) -> PathBuf {
        self.folder.join(".spile/meltano/bin").join(program)
    }

    /// Gives a command what all of the bench's projects and plugins look for.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("XDG_CONFIG_HOME", self.folder.join("config"));
        command.env("RAW_PLUGINS", &self.folder).env("TAP_FAULT_NOTES", self.folder.join("notes"));
        command
    }

    pub fn program(&self, words: &[&str]) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_spile")));
        command.args(words);
        command
    }

    pub fn spile(&self, words: &[&str]) {
        succeeds(&mut self.program(words));
    }

    /// Sets the password of an integration.
    pub fn sets_password(&self, slug: &str) {
        self.write("password", PASSWORD);
        let password = std::fs::File::open(self.folder.join("password")).expect("a password");
        succeeds(self.program(&["secrets", "set", slug, "password", "--stdin"]).stdin(password));
    }

    /// Returns how long `spile sync` of an integration takes.
    pub fn sync(&self, slug: &str) -> f64 {
        once(|| self.spile(&["sync", slug, "--retries", "0"]))
    }

    /// Returns the project's Meltano, or another program of its virtual environment, as its users run it.
    pub fn installed(&self, program: &str, words: &[&str]) -> Command {
        self.as_users(&self.in_venv(program), words)
    }

    /// Returns a program that runs Meltano as its users do.
    pub fn as_users(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = self.command(program);
        command.env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false").env_remove("PYTHONDONTWRITEBYTECODE");
        let taps = ["FILES", "DUCK", "LAKE"].map(|loader| format!("TAP_POSTGRES__SHOP_{loader}"));
        for plugin in taps.iter().map(String::as_str).chain(["TARGET_POSTGRES__LAKE"]) {
            command.env(format!("{plugin}_PASSWORD"), PASSWORD);
        }
        command.args(words);
        command
    }

    /// Moves the records of a pair of plugins as Meltano's users do.
    pub fn meltano_run(&self, tap: &str, target: &str) {
        succeeds(&mut self.installed("meltano", &[&RUN[..], &[tap, target]].concat()));
    }

    /// Returns the newest runs, newest first.
    pub fn runs(&self, count: usize) -> Vec<serde_json::Value> {
        let output = self.program(&["runs", "--format", "json", "--most", &count.to_string()]).output();
        let runs: serde_json::Value = serde_json::from_slice(&output.expect("it starts").stdout).expect("JSON");
        runs["runs"].as_array().expect("a list").clone()
    }
}

/// The memory of a process in MiB.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// What it has for itself.
    pub own: f64,
    /// Also the parts of the program's file that it has read, which all its processes share.
    pub resident: f64,
}

impl Memory {
    /// Returns what a process has now, by its folder in `/proc`; `None` if it has ended.
    pub fn of(process: &Path) -> Option<Self> {
        let status = std::fs::read_to_string(process.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
            Some(kib / 1024.0)
        };
        Some(Self { own: field("RssAnon:")?, resident: field("VmRSS:")? })
    }

    pub fn most(self, other: Self) -> Self {
        Self { own: self.own.max(other.own), resident: self.resident.max(other.resident) }
    }
}

/// Copies a package of the tests' own plugins into a project.
pub fn lay_package(folder: &Path, name: &str, module: &str) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/taps").join(name);
    for file in ["pyproject.toml", module] {
        let text = std::fs::read_to_string(sources.join(file)).expect("the tests' own plugins");
        write(folder, &format!("{name}/{file}"), &text);
    }
}

pub fn succeeds(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Runs all in turns, after one turn that only warms up, and returns the times of each.
pub fn turns<const N: usize>(rounds: usize, acts: [&dyn Fn() -> f64; N]) -> [Vec<f64>; N] {
    let mut times = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for (act, times) in acts.iter().zip(&mut times) {
            let took = act();
            if round > 0 {
                times.push(took);
            }
        }
    }
    times
}

/// Prints a row for the fastest runs, and one for the medians.
pub fn rows(what: &str, size: usize, ours: &[f64], other: &str, theirs: &[f64], asked: &str) {
    let pairs =
        [("fastest", fastest(ours), fastest(theirs)), ("median", median(ours.to_vec()), median(theirs.to_vec()))];
    for (which, ours, theirs) in pairs {
        row(&format!("{what}, {which}"), size, Took::wall(ours), Against(other, theirs), asked);
    }
}

/// Returns how many lines a file has.
pub fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// Returns a number that somebody may lower to try a bench.
pub fn number_of(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |value| value.parse().expect("a number"))
}
