//! Shared by the benches: measuring processes from outside, projects, and one table.
#![allow(dead_code, unreachable_pub, reason = "each bench uses some of it")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts programs")]

pub mod project;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The cost of something, as the median of its runs.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// Wall-clock time, in milliseconds.
    pub wall: f64,
    /// CPU time in milliseconds; unknown for a part of a process.
    pub cpu: Option<f64>,
    /// Peak memory in MiB; unknown for a part of a process.
    pub peak: Option<f64>,
}

impl Took {
    /// Makes a cost from the wall-clock time of a part of a process.
    pub fn wall(wall: f64) -> Self {
        Self { wall, cpu: None, peak: None }
    }
}

/// An outside reference to compare a time with.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a>(pub &'a str, pub f64);

/// Starts a table: each row has spile's time, its reference, and the ratio of the two.
pub fn table(title: &str) {
    println!("\n### {title}\n");
    println!("| what | how many | ms | CPU ms | MiB | against | ms | ratio | asked |");
    println!("|---|---:|---:|---:|---:|---|---:|---:|---|");
}

/// Prints a row; `asked` is the goal, if there is one.
pub fn row(what: &str, size: usize, took: Took, against: Against<'_>, asked: &str) {
    let Took { wall, cpu, peak } = took;
    let known = |value: Option<f64>| value.map(|value| number(value).to_string()).unwrap_or_default();
    let Against(other, its) = against;
    println!(
        "| {what} | {size} | {} | {} | {} | {other} | {} | {:.2} | {asked} |",
        number(wall),
        known(cpu),
        known(peak),
        number(its),
        wall / its,
    );
}

/// Rounds to three digits, which are enough on a noisy machine.
fn number(value: f64) -> impl Display {
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}")
}

/// Describes the machine and the program.
pub fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (model, memory) = (field(&read("/proc/cpuinfo"), "model name"), field(&read("/proc/meminfo"), "MemTotal"));
    format!("{model}, {cores} cores, {memory}; spile {}", env!("CARGO_PKG_VERSION"))
}

/// Runs a command in a folder this many times; its exit code must be one of `codes`.
pub fn measure(folder: &Path, runs: usize, codes: &str, command: &[&str]) -> Took {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/parts/measure.py");
    let mut python = Command::new("python3");
    python.current_dir(folder).arg(script).arg(runs.to_string()).arg(codes).args(command);
    let output = python.output().expect("python3 starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let column = |at: usize| {
        let values = text.lines().map(|line| line.split(' ').nth(at).expect("three numbers"));
        median(values.map(|value| value.parse().expect("a number")).collect())
    };
    Took { wall: column(0) * 1e3, cpu: Some(column(1) * 1e3), peak: Some(column(2) / 1024.0) }
}

/// Measures the built program.
pub fn spile(folder: &Path, runs: usize, codes: &str, words: &[&str]) -> Took {
    measure(folder, runs, codes, &[&[env!("CARGO_BIN_EXE_spile")], words].concat())
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns how long something took once, in milliseconds.
pub fn once(act: impl FnOnce()) -> f64 {
    let begun = std::time::Instant::now();
    act();
    begun.elapsed().as_secs_f64() * 1e3
}

/// Returns how long something took, in milliseconds, as the median of its runs.
pub fn timed(runs: usize, act: impl Fn()) -> f64 {
    median((0..runs).map(|_| once(&act)).collect())
}

/// Runs all in turns, so that a slow minute of the machine affects them all, and returns the median of each, in
/// milliseconds.
pub fn in_turns<const N: usize>(rounds: usize, acts: [&dyn Fn() -> f64; N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (act, times) in acts.iter().zip(&mut times) {
            times.push(act());
        }
    }
    times.map(median)
}

/// Creates a virtual environment with packages, once. It has the name of the first.
pub fn venv(packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benches").join(packages[0]);
    if !folder.join("whole").exists() {
        measure(Path::new("."), 1, "0", &["python3", "-m", "venv", "--clear", &folder.display().to_string()]);
        let python = folder.join("bin/python").display().to_string();
        measure(Path::new("."), 1, "0", &[&[python.as_str(), "-m", "pip", "install", "--quiet"], packages].concat());
        write(&folder, "whole", "");
    }
    folder
}

/// Writes a file below a folder.
pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    std::fs::write(path, text).expect("a file is written");
}
