//! What 1,200 connectors of one's own cost as a whole process, beside ten: starting, where ten are used, and searching.
//! `cargo bench --bench connectors`; the machine is noisy, so the two are run in turn and medians printed.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const RUNS: usize = 41;

const HUB: &str = include_str!("../tests/connectors/hub/extractors_tap-postgres_meltanolabs.yml");

fn main() {
    let few = tempfile::tempdir().expect("a temporary folder");
    let many = tempfile::tempdir().expect("a temporary folder");
    project(few.path(), 10);
    project(many.path(), 1_200);
    println!("{:>28} {:>10} {:>10} {:>10}", "command", "10 ms", "1200 ms", "more ms");
    let lines: [&[&str]; 5] = [
        &["plan"],
        &["check"],
        &["connectors", "list"],
        &["connectors", "search", "postgres"],
        &["connectors", "search", "number", "sales"],
    ];
    for words in lines {
        let (few, many) = medians(&|| spile(few.path(), words), &|| spile(many.path(), words));
        let more = millis(many) - millis(few);
        println!("{:>28} {:>10.1} {:>10.1} {more:>10.1}", words.join(" "), millis(few), millis(many));
    }
}

/// Writes a project of as many connectors, ten of which are used; each is as long as one of the hub.
fn project(root: &Path, count: usize) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    };
    write("spile.toml", "[project]\nname = \"bench\"\n");
    write("tap.yml", HUB);
    write("integrations/files.toml", "type = \"jsonl\"\nkind = \"loader\"\n[config]\ndestination_path = \"output\"\n");
    spile(root, &["connectors", "import", "tap.yml", "--name", "c0000"]);
    let first = std::fs::read_to_string(root.join("connectors/c0000.toml")).expect("a connector");
    for number in 0..count {
        let sales = if number % 7 == 0 { "sales" } else { "stock" };
        let text = first
            .replace("PostgreSQL database extractor", &format!("Source number {number} of {sales}"))
            .replace("name = \"tap-postgres\"", &format!("name = \"tap-c{number:04}\""));
        write(&format!("connectors/c{number:04}.toml"), &text);
    }
    for number in 0..10 {
        let text = format!("type = \"c{number:04}\"\nloader = \"files\"\n[config]\nsqlalchemy_url = \"$P\"\n");
        write(&format!("integrations/i{number}.toml"), &text);
    }
}

fn spile(root: &Path, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
    let output = command.current_dir(root).env("P", "p").args(words).output().expect("spile starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn medians(few: &dyn Fn(), many: &dyn Fn()) -> (Duration, Duration) {
    let took = |act: &dyn Fn()| {
        let begun = Instant::now();
        act();
        begun.elapsed()
    };
    let mut times: Vec<(Duration, Duration)> = (0..RUNS).map(|_| (took(few), took(many))).collect();
    let mut median = |of: fn(&(Duration, Duration)) -> Duration| {
        times.sort_by_key(of);
        of(&times[RUNS / 2])
    };
    (median(|pair| pair.0), median(|pair| pair.1))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
