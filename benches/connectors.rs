//! What 1,200 project connectors cost a whole process, compared with ten: starting, with ten in use, and searching.
//! `cargo bench --bench connectors`.
#![allow(clippy::expect_used, reason = "a bench may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]

mod parts;

use std::path::Path;
use std::process::Command;

use parts::{Against, Took, in_turns, once, row, table, write};

const RUNS: usize = 41;

const HUB: &str = include_str!("../tests/connectors/hub/extractors_tap-postgres_meltanolabs.yml");

fn main() {
    let few = tempfile::tempdir().expect("a temporary folder");
    let many = tempfile::tempdir().expect("a temporary folder");
    project(few.path(), 10);
    project(many.path(), 1_200);
    table("Your own connectors: 1,200, of which 10 are used");
    let lines: [(&[&str], &str); 5] = [
        (&["plan"], "2 ms more"),
        (&["check"], ""),
        (&["connectors", "list"], ""),
        (&["connectors", "search", "postgres"], "20 ms"),
        (&["connectors", "search", "number", "sales"], "20 ms"),
    ];
    for (words, asked) in lines {
        let act = |root: &Path| once(|| spile(root, words));
        let [few, many] = in_turns(RUNS, [&|| act(few.path()), &|| act(many.path())]);
        row(&words.join(" "), 1_200, Took::wall(many), Against("with 10", few), asked);
    }
}

/// Writes a project with this many connectors, ten of which are used; each is as long as one from the hub.
fn project(root: &Path, count: usize) {
    write(root, "spile.toml", "[project]\nname = \"bench\"\n");
    write(root, "tap.yml", HUB);
    let loader = "type = \"jsonl\"\nkind = \"loader\"\n[config]\ndestination_path = \"output\"\n";
    write(root, "integrations/files.toml", loader);
    spile(root, &["connectors", "import", "tap.yml", "--name", "c0000"]);
    let first = std::fs::read_to_string(root.join("connectors/c0000.toml")).expect("a connector");
    for number in 0..count {
        let sales = if number % 7 == 0 { "sales" } else { "stock" };
        let text = first
            .replace("PostgreSQL database extractor", &format!("Source number {number} of {sales}"))
            .replace("name = \"tap-postgres\"", &format!("name = \"tap-c{number:04}\""));
        write(root, &format!("connectors/c{number:04}.toml"), &text);
    }
    for number in 0..10 {
        let text = format!("type = \"c{number:04}\"\nloader = \"files\"\n[config]\nsqlalchemy_url = \"$P\"\n");
        write(root, &format!("integrations/i{number}.toml"), &text);
    }
}

fn spile(root: &Path, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
    let output = command.current_dir(root).env("P", "p").args(words).output().expect("spile starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
