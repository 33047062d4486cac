//! Installing a plugin with one Python, and asking it for its settings.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use spile_core::connector::Connector;

use crate::tools::{Said, is_on_the_path, said};

/// The Python versions to look for, the newest first.
const VERSIONS: [&str; 5] = ["3.14", "3.13", "3.12", "3.11", "3.10"];

/// Packages that take many minutes to build: a Python for which they have no wheel does not count as one that works.
const ONLY_AS_WHEELS: &str = "--only-binary=cryptography,grpcio,grpcio-tools,numpy,pyarrow";

/// A Python on the `PATH`.
pub struct Interpreter {
    /// For example `3.12`.
    pub version: String,
    program: String,
}

/// What an installed plugin says of its settings.
pub enum Answer {
    /// The JSON of `--about`, which plugins built with Meltano's SDK have.
    About(Value),
    /// The source of a plugin that only has `--help`.
    Source(String),
}

impl Interpreter {
    /// Returns every Python from 3.10 on that works; the machine's own if there is none.
    pub fn all() -> Vec<Self> {
        let found: Vec<Self> = VERSIONS.iter().filter_map(|version| Self::found(&format!("python{version}"))).collect();
        if found.is_empty() { vec![Self::of_the_machine()] } else { found }
    }

    /// Returns the machine's own Python.
    pub fn of_the_machine() -> Self {
        Self::found("python3").expect("these tests need Python")
    }

    fn found(program: &str) -> Option<Self> {
        if !is_on_the_path(program) {
            return None;
        }
        // Some programs on the `PATH` only say that the version is not installed.
        let ask = "import sys; print('%d.%d' % sys.version_info[:2])";
        let said = said(Command::new(program).args(["-c", ask]), "");
        let version = said.stdout.trim().to_owned();
        (said.code == Some(0)).then(|| Self { version, program: program.to_owned() })
    }
}

/// Installs a connector's plugin into a new environment and asks it. Returns why that fails, if it does.
pub fn ask(connector: &Connector, interpreter: &Interpreter) -> Result<Answer, String> {
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("environment");
    let programs = environment.join("bin");
    succeeded(Command::new(&interpreter.program).args(["-m", "venv"]).arg(&environment))?;
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", ONLY_AS_WHEELS]);
    succeeded(pip.args(connector.plugin.pip_url.split_whitespace()).current_dir(folder.path()))?;
    let asked = |words: &[&str]| {
        let mut command = Command::new(programs.join(&connector.plugin.executable));
        said(command.args(words).current_dir(folder.path()), "")
    };
    let about = asked(&["--about", "--format=json"]);
    if let (Some(0), Ok(settings)) = (about.code, serde_json::from_str(&about.stdout)) {
        return Ok(Answer::About(settings));
    }
    let help = asked(&["--help"]);
    if help.code != Some(0) {
        return Err(last_lines(&help));
    }
    let libraries = std::fs::read_dir(environment.join("lib")).unwrap().next().unwrap().unwrap().path();
    let module = libraries.join("site-packages").join(&connector.plugin.namespace);
    Ok(Answer::Source(source(&module.with_extension("py")) + &source(&module)))
}

/// Returns the text of a Python file, or of all such files in a folder.
fn source(path: &Path) -> String {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap();
        return entries.map(|entry| source(&entry.unwrap().path())).collect();
    }
    let is_python = path.extension().is_some_and(|extension| extension == "py") && path.exists();
    if is_python { std::fs::read_to_string(path).unwrap() } else { String::new() }
}

fn succeeded(command: &mut Command) -> Result<(), String> {
    let said = said(command, "");
    if said.code == Some(0) { Ok(()) } else { Err(last_lines(&said)) }
}

/// Returns the end of what a program said on standard error, where the cause is.
fn last_lines(said: &Said) -> String {
    let lines: Vec<&str> = said.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join("\n")
}
