//! How long a plan takes as a whole process, and how many times the floor that is: reading and parsing the same
//! files and nothing else. `cargo bench`; the machine is noisy, so medians and ratios of one run are printed.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use toml::de::DeTable;

const RUNS: usize = 15;

fn main() {
    println!("{:>12} {:>12} {:>12} {:>10} {:>8}", "integrations", "case", "median ms", "floor ms", "ratio");
    for count in [10, 1_000, 10_000] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        project(folder.path(), count);
        let floor = median(|| read_and_parse(folder.path()));
        let report = |case: &str, took: Duration| {
            let ratio = took.as_secs_f64() / floor.as_secs_f64();
            println!("{count:>12} {case:>12} {:>12.1} {:>10.1} {ratio:>8.1}", millis(took), millis(floor));
        };
        report("all new", median(|| spile(folder.path(), &["plan"])));
        let begun = Instant::now();
        spile(folder.path(), &["apply", "--yes"]);
        report("apply", begun.elapsed());
        report("no changes", median(|| spile(folder.path(), &["plan"])));
    }
    let start = median(|| spile(Path::new("."), &["--version"]));
    println!("{:>12} {:>12} {:>12.1}", "-", "--version", millis(start));
}

/// Writes a project of a third each of Postgres, Salesforce and files.
fn project(root: &Path, count: usize) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    };
    write("spile.toml", "[project]\nname = \"bench\"\n");
    write("integrations/files.toml", "type = \"jsonl\"\nkind = \"loader\"\n[config]\ndestination_path = \"output\"\n");
    let head = "loader = \"files\"\nschedule = \"@hourly\"\n";
    for number in 1..count {
        let text = match number % 3 {
            0 => {
                format!("type = \"postgres\"\n{head}[config]\nhost = \"db{number}\"\nuser = \"u\"\ndatabase = \"d\"\n")
            }
            1 => format!("type = \"singer-jsonl\"\n{head}[config]\nlocal.folders = [\"data/{number}\"]\n"),
            _ => format!(
                "type = \"salesforce\"\n{head}[config]\nstart_date = 2024-01-01T00:00:00Z\napi_type = \"REST\"\n"
            ),
        };
        write(&format!("integrations/i{number:05}.toml"), &text);
    }
}

fn read_and_parse(root: &Path) {
    for file in walkdir::WalkDir::new(root.join("integrations")).into_iter().flatten() {
        if file.file_type().is_file() {
            let text = std::fs::read_to_string(file.path()).expect("a file is read");
            DeTable::parse(&text).expect("a file is parsed");
        }
    }
}

fn spile(root: &Path, words: &[&str]) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_spile")).current_dir(root).args(words).output().expect("spile starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn median(act: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            act();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
