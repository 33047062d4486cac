//! Assets and schedules, loaded and materialized by the real Dagster.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spile_core::render::Task;

use super::{HOSTILE, output, task, tasks, with_streams};
use crate::project::{FAULT, Project};
use crate::tools::{self, Said};

/// The Dagster of the tests; `tests/dagster/constraints.txt` pins its dependencies.
const DAGSTER: &str = "1.13.29";

/// Returns the Python that has Dagster; `None` if there is no `python3`.
pub fn python() -> Option<PathBuf> {
    tools::installed(&format!("dagster-{DAGSTER}"), "python3", install).map(|folder| folder.join("bin/python"))
}

fn install(folder: &Path) {
    let constraints = format!("{}/tests/dagster/constraints.txt", env!("CARGO_MANIFEST_DIR"));
    super::install_python(folder, &[&format!("dagster=={DAGSTER}"), "--constraint", &constraints]);
}

/// Dagster with an instance of its own; it listens on no port.
struct Dagster {
    python: PathBuf,
    home: tempfile::TempDir,
    file: PathBuf,
}

impl Dagster {
    fn of(file: PathBuf) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("dagster.yaml"), "telemetry:\n  enabled: false\n").unwrap();
        Some(Self { python: python()?, home, file })
    }

    fn says(&self, words: &[&str]) -> Said {
        let mut command = Command::new(&self.python);
        command.args(words).current_dir(self.home.path()).env("DAGSTER_HOME", self.home.path());
        command.env("SPILE_PROGRAM", env!("CARGO_BIN_EXE_spile")).env("TAP_FAULT_NOTES", self.home.path());
        command.env_remove("SPILE_PROJECT").env_remove("SPILE_PYTHON").env("PYTHONDONTWRITEBYTECODE", "1");
        tools::said(&mut command, "")
    }

    /// Loads the file and returns what the script of the tests says about it, or about a run of a job or of its assets.
    fn answers(&self, job: &[&str]) -> Value {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dagster/assets.py");
        let words: Vec<&str> = [&[script, self.file.to_str().unwrap()], job].concat();
        let said = self.says(&words);
        let json = said.stdout.lines().last().filter(|_| said.code == Some(0));
        serde_json::from_str(json.unwrap_or_else(|| panic!("{said:?}"))).unwrap()
    }
}

fn loaded(declared: &str, all: Vec<Task>) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spile.py");
    std::fs::write(&file, output("acme", declared, &[]).render(&tasks(all)).unwrap()).unwrap();
    Some(Dagster::of(file)?.answers(&[]))
}

#[test]
fn there_is_an_asset_for_each_stream_and_a_schedule_for_each_time() {
    let all = vec![
        with_streams(task("shop", "@hourly", "UTC", "tap_x"), &["public-orders", "public-users"]),
        task("orders", "@hourly", "UTC", "Orders"),
        task("paris", "0 22 * * 7", "Europe/Paris", "Paris"),
        task("once", "@once", "UTC", "Once"),
    ];
    let declared = "template = 'dagster'\npath = 'dagster/spile.py'\nvalues = { retries = 5 }";
    let Some(found) = loaded(declared, all) else { return };
    let keys: Vec<&String> = found["assets"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["once", "orders", "paris", "shop/public_orders", "shop/public_users"]);
    let shop = &found["assets"]["shop/public_orders"];
    assert_eq!((&shop["table"], &shop["pool"]), (&json!("raw.public_orders"), &json!("spile_tap_x")));
    assert_eq!((&shop["retries"], &shop["subset"]), (&json!(5), &json!(true)));
    assert_eq!(shop["late"], 4.0 * 3600.0);
    assert_eq!(shop["tags"]["spile/connector"], "tap_x");
    assert_eq!(found["assets"]["once"]["late"], Value::Null);
    let schedules = found["schedules"].as_object().unwrap();
    assert_eq!(schedules.len(), 2, "`@once` has no time: {schedules:?}");
    let hourly = &schedules["spile__acme__prod__hourly_schedule"];
    assert_eq!(hourly["assets"], json!(["orders", "shop/public_orders", "shop/public_users"]));
    assert_eq!((&hourly["status"], &hourly["requests"]), (&json!("RUNNING"), &json!(1)));
    let paris = schedules.values().find(|one| one["timezone"] == "Europe/Paris").unwrap();
    assert_eq!(paris["ticks"], json!(["2026-01-04T21:00:00+00:00", "2026-01-11T21:00:00+00:00"]));
}

#[test]
fn no_name_or_schedule_breaks_the_others() {
    let odd = ["0 0 ? * FRI-SUN", "0 0 1 jan-MAR/2 *", "0 0 * * 1-7/3", "0 0 1,15 * 7", "59 23 31 12 *"];
    let unknown = ["0 0 L * *", "0 0 15W * *", "0 0 * * 5#2", "0 0 30 2 *"];
    let schedules = odd.iter().chain(&unknown).enumerate();
    let mut all: Vec<_> = schedules.map(|(at, one)| task(&format!("odd-{at}"), one, "UTC", "x")).collect();
    let streams = [HOSTILE, "a.b", "a-b", "a_b", "Ab", "public-orders"];
    all.push(with_streams(task("hostile", "@daily", "UTC", HOSTILE), &streams));
    let long = "x".repeat(250);
    all.push(task(&long, "@daily", "UTC", &long));
    let declared = "template = 'dagster'\npath = 'spile.py'\nvalues = { start = false }";
    let Some(found) = loaded(declared, all) else { return };
    assert_eq!(found["schedules"].as_object().unwrap().len(), odd.len() + 1, "{:#}", found["schedules"]);
    let keys: Vec<&String> = found["assets"].as_object().unwrap().keys().collect();
    assert_eq!(keys.iter().filter(|key| key.starts_with("hostile/")).count(), streams.len(), "{keys:?}");
    let daily = &found["schedules"]["spile__acme__prod__daily_schedule"];
    assert_eq!((&daily["status"], daily["assets"].as_array().unwrap().len()), (&json!("STOPPED"), streams.len() + 1));
    let hostile = found["assets"].as_object().unwrap().iter().find(|(key, _)| key.starts_with("hostile/")).unwrap().1;
    assert!(hostile["description"].as_str().unwrap().starts_with(HOSTILE));
}

/// A project whose only integration reads these streams every day, and its definitions.
fn scheduled(mode: &str, streams: &str) -> (Project, PathBuf) {
    let project = Project::with_fault(mode);
    let lines = format!("schedule = '@daily'\nselect = {streams}\n[config]");
    project.write("integrations/things.toml", &project.read("integrations/things.toml").replace("[config]", &lines));
    let output = "[[outputs]]\ntemplate = 'dagster'\npath = 'dagster/spile.py'\nvalues = { retries = 0 }\n";
    project.write("spile.toml", &format!("{FAULT}{output}"));
    project.spile(&["apply", "--yes"]).succeeds();
    let file = project.path().join("dagster/spile.py");
    (project, file)
}

const JOB: &str = "spile__real__dev__daily";

#[test]
fn a_job_materializes_every_stream_and_leaves_a_run_in_the_registry() {
    let (project, file) = scheduled("source", "['first.*', 'second.*', 'third.*']");
    let Some(dagster) = Dagster::of(file) else { return };
    let stream = json!({ "fields": ["id"], "records": 3 });
    let streams = json!({ "first": stream, "second": stream, "third": stream, "fourth": stream });
    std::fs::write(dagster.home.path().join("streams.json"), streams.to_string()).unwrap();
    let found = dagster.answers(&[JOB]);
    assert_eq!(found["success"], true, "{found:#}");
    let run = project.newest_run();
    assert_eq!((&run["slug"], &run["kind"], &run["status"]), (&json!("things"), &json!("sync"), &json!("ok")));
    for stream in ["first", "second", "third"] {
        let materialized = &found["materialized"][format!("things/{stream}")];
        assert_eq!((&materialized["records"], &materialized["run"]), (&json!(3), &run["id"]), "{found:#}");
        assert_eq!(materialized["status"], "ok");
    }
    let found = dagster.answers(&[JOB, "things/second"]);
    assert_eq!(found["success"], true, "{found:#}");
    let part = project.newest_run();
    assert_eq!(part["streams"], json!({ "second": 3 }), "one asset alone is one stream alone: {part:#}");
    assert_eq!(found["materialized"]["things/second"]["run"], part["id"]);
    assert_eq!(found["materialized"]["things/first"]["run"], run["id"]);
}

#[test]
fn a_failed_job_leaves_a_failed_run_in_the_registry() {
    let (project, file) = scheduled("fail", "['things.*']");
    let Some(dagster) = Dagster::of(file) else { return };
    let found = dagster.answers(&[JOB]);
    assert_eq!((&found["success"], &found["materialized"]), (&json!(false), &json!({})), "{found:#}");
    let run = project.newest_run();
    assert_eq!((&run["status"], &run["cause"]), (&json!("failed"), &json!("credentials")), "{run:#}");
    let failure = &found["failures"][0];
    assert_eq!(failure["text"], run["error"], "{found:#}");
    assert_eq!((&failure["metadata"]["exit code"], &failure["metadata"]["run"]), (&json!(1), &run["id"]));
}
