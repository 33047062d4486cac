//! What benches share: processes that are measured from outside, projects, and one table.
#![allow(dead_code, unreachable_pub, reason = "each bench uses some of it")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts programs")]

pub mod project;

use std::fmt::Display;
use std::path::Path;
use std::process::Command;

/// What something took, as the median of its runs.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// Milliseconds by the clock.
    pub wall: f64,
    /// Milliseconds of processors; not known of what is a part of a process.
    pub cpu: Option<f64>,
    /// MiB at its highest; likewise.
    pub peak: Option<f64>,
}

impl Took {
    /// Takes the time of a part of a process.
    pub fn wall(wall: f64) -> Self {
        Self { wall, cpu: None, peak: None }
    }
}

/// Something outside that a time is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a>(pub &'a str, pub f64);

/// Begins a table: every row is spile's time, what it is held against, and the ratio of the two.
pub fn table(title: &str) {
    println!("\n### {title}\n");
    println!("| what | how many | ms | CPU ms | MiB | against | ms | ratio | asked |");
    println!("|---|---:|---:|---:|---:|---|---:|---:|---|");
}

/// Prints a row; `asked` is what has to be reached, where something is asked.
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

/// Three digits are enough of a noisy machine.
fn number(value: f64) -> impl Display {
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}")
}

/// Says what machine it is, and which program.
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

/// Runs a command so often in a folder; its exit code has to be one of these.
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

/// Measures the program that is built here.
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

/// Runs all in turns, so that a slow minute of the machine slows them all, and returns the median of each, in
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

/// Writes a file below a folder.
pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    std::fs::write(path, text).expect("a file is written");
}
