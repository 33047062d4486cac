//! What every built-in loader preserves, case by case: Singer messages go into the real loader, with the settings that
//! Meltano passes to it from spile's rendered file, and its destination is compared with the messages.
//! `docs/connectors.md` has the table; `SPILE_BLESS=1 cargo test --test it certify` rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::loaders::{declared, postgres, with_loaders};
use crate::project::{Project, Ran};
use crate::supabase::postgres::Postgres;

/// The loaders: connector, slug of the integration, and plugin.
const LOADERS: [(&str, &str, &str); 4] = [
    ("duckdb", "duck", "target-duckdb"),
    ("postgres", "lake", "target-postgres"),
    ("jsonl", "files", "target-jsonl"),
    ("csv", "csv", "target-csv"),
];

/// The marks around the table in the documentation.
const MARKS: (&str, &str) = ("<!-- certified: begin -->\n", "<!-- certified: end -->\n");

/// The verdicts on one loader, by case.
type Verdicts = BTreeMap<String, String>;

#[test]
fn every_built_in_loader_preserves_what_the_documentation_says() {
    let Some(server) = Postgres::shared() else { return };
    server.sql("postgres", "create database certified template template0").unwrap();
    server.sql("certified", "grant create on database certified to shop").unwrap();
    drop(with_loaders());
    let project = declared(&postgres(server.port, "certified"));
    project.spile(&["apply", "--yes"]).succeeds();
    let verdicts = std::thread::scope(|scope| {
        let project = &project;
        // One after the other: if two start in a new project, one finds Meltano's database half created.
        let asked = LOADERS.map(|loader| (loader, config(project, &format!("{}--{}", loader.2, loader.1))));
        let runs = asked.map(|(loader, config)| scope.spawn(move || certified(project, loader.0, loader.2, &config)));
        runs.map(|run| run.join().unwrap())
    });
    let table = table(&verdicts);
    // Write past the test harness's capture, because the table is what the user wants to see.
    std::io::stdout().write_all(table.as_bytes()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connectors.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS.0).unwrap();
    let (recorded, behind) = rest.split_once(MARKS.1).unwrap();
    if std::env::var_os("SPILE_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{}{table}{}{behind}", MARKS.0, MARKS.1)).unwrap();
        return;
    }
    assert_eq!(table, recorded, "a loader keeps more or less than `docs/connectors.md` says");
}

/// Runs all cases on one loader, started as Meltano would.
fn certified(project: &Project, name: &str, plugin: &str, config: &Value) -> Verdicts {
    let venv = project.path().join(".meltano/loaders").join(plugin).join("venv/bin");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loaders");
    let mut command = Command::new(venv.join("python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(project.path()).arg(scripts.join("certify.py"));
    command.arg(name).arg(venv.join(plugin)).arg(config.to_string());
    let ran = Ran(command.output().unwrap()).succeeds();
    serde_json::from_str(&ran.stdout()).unwrap()
}

/// Returns the settings that Meltano passes to a loader; paths in the project become absolute.
fn config(project: &Project, plugin: &str) -> Value {
    let ran = Ran(project.meltano(&["config", "print", plugin])).succeeds();
    let mut config: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let settings = config.as_object_mut().unwrap();
    for (name, setting) in settings.iter_mut().filter(|(name, _)| name.ends_with("path")) {
        let path = setting.as_str().unwrap_or_else(|| panic!("{name}: {setting}"));
        *setting = json!(project.path().join(path));
    }
    if plugin.starts_with("target-postgres") {
        settings.insert("password".to_owned(), json!("hunter2"));
    }
    config
}

/// Returns the table as Markdown: a row for each case, a column for each loader.
fn table(verdicts: &[Verdicts; 4]) -> String {
    let names = LOADERS.map(|(name, ..)| format!("`{name}`")).join(" | ");
    let mut table = format!("| what is sent | {names} |\n|---|{}\n", "---|".repeat(LOADERS.len()));
    for case in cases() {
        let cells = verdicts.each_ref().map(|of| of.get(&case).map_or("-", String::as_str)).join(" | ");
        writeln!(table, "| {} | {cells} |", case.replace('_', " ")).unwrap();
    }
    table
}

/// Returns the names of all cases, in the order of the scripts.
fn cases() -> Vec<String> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loaders");
    let ask = "import json, certify; print(json.dumps(certify.names()))";
    let mut command = Command::new("python3");
    command.args(["-B", "-c", ask]).current_dir(scripts);
    serde_json::from_str(&Ran(command.output().unwrap()).succeeds().stdout()).unwrap()
}
