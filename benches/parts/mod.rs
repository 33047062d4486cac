//! What benches share: processes that are measured from outside, and tables.
#![allow(dead_code, unreachable_pub, reason = "each bench uses some of it")]

use std::path::Path;
use std::process::Command;

/// What a process took, as the median of its runs.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// Milliseconds by the clock.
    pub wall: f64,
    /// Milliseconds of processors.
    pub cpu: f64,
    /// MiB at its highest.
    pub peak: f64,
}

/// Runs a command so often in a folder; its exit code has to be one of these.
pub fn measure(folder: &Path, (runs, codes): (usize, &str), command: &[&str]) -> Took {
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
    Took { wall: column(0) * 1e3, cpu: column(1) * 1e3, peak: column(2) / 1024.0 }
}

/// Measures the program that is built here.
pub fn spile(folder: &Path, how: (usize, &str), words: &[&str]) -> Took {
    measure(folder, how, &[&[env!("CARGO_BIN_EXE_spile")], words].concat())
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns how long something took, in milliseconds, as the median of its runs.
pub fn timed(runs: usize, act: impl Fn()) -> f64 {
    let run = |_| {
        let begun = std::time::Instant::now();
        act();
        begun.elapsed().as_secs_f64() * 1e3
    };
    median((0..runs).map(run).collect())
}

/// Writes a file below a folder.
pub fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
    std::fs::write(path, text).expect("a file is written");
}
