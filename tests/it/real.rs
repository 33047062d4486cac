//! End to end with the real Meltano.

mod api;
mod arrivals;
mod backfill;
mod batches;
mod beside;
mod catalogs;
mod causes;
mod certify;
mod children;
mod choices;
mod contracts;
mod discover;
mod grades;
pub mod kills;
mod loaders;
mod locks;
mod machines;
mod mappers;
mod mysql;
mod naming;
mod periods;
mod preview;
mod prices;
mod refreshes;
mod relay;
mod resets;
mod rotation;
pub mod salesforce;
mod schedules;
mod selection;
mod side_by_side;
mod sources;
mod state;
mod streams;
mod up;
mod variables;
mod verify;
mod warm;
mod wizard;

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use spile_core::connector::{Catalog, Connector, Kind, Setting};

use crate::folder::with_secrets;
use crate::project::{
    CONNECTOR, Project, Ran, kill_all, leftovers, processes_of, signal, things, wait, wait_for_the_tap,
};

/// A loader of DuckDB.
const WAREHOUSE: &str =
    "type = 'duckdb'\nkind = 'loader'\n[config]\npath = 'warehouse.duckdb'\ndefault_target_schema = 'main'\n";

#[test]
fn a_new_project_goes_up_in_one_command_and_has_nothing_left_to_do() {
    let project = Project::new();
    std::fs::remove_file(project.path().join("spile.toml")).unwrap();
    project.spile(&["init", "--name", "fruit"]).succeeds();
    project.spile(&["up", "--yes"]).succeeds();
    assert_eq!(project.read("output/fruit.jsonl").lines().count(), 3);
    project.spile(&["plan", "--exit-code"]).succeeds();
    let runs = project.json(&["runs"])["runs"].as_array().unwrap().clone();
    let told: Vec<_> =
        runs.iter().map(|run| (run["kind"].as_str().unwrap(), run["status"].as_str().unwrap())).collect();
    assert_eq!(told, [("sync", "ok"), ("test", "ok")]);
    assert_eq!(runs[0]["records"], 3);
    assert_eq!(project.json(&["status"])["integrations"][0]["status"], "active");
    let log = project.spile(&["logs", "example"]).succeeds().stdout();
    assert!(log.contains("Run completed"), "{log}");
}

/// Returns an integration that sets only what its connector needs: required settings, and those of the first group.
fn smallest(connector: &Connector) -> String {
    let group = connector.groups.first().map(|group| group.settings.as_slice()).unwrap_or_default();
    let is_needed =
        |setting: &&Setting| (setting.required && setting.default.is_none()) || group.contains(&setting.name);
    let (secrets, open): (Vec<&Setting>, Vec<&Setting>) =
        connector.settings.iter().filter(is_needed).partition(|setting| setting.secret);
    let value = |setting: &Setting| match &setting.kind {
        Kind::Options(choices) => choices[0].value.to_string(),
        kind => kind.wanted().1.to_owned(),
    };
    let lines: Vec<String> = open.iter().map(|setting| format!("{} = {}\n", setting.name, value(setting))).collect();
    let head = &connector.head;
    let text = format!("type = '{}'\nkind = '{}'\n[config]\n{}", head.name, head.role, lines.concat());
    let names: Vec<&str> = secrets.iter().map(|setting| setting.name.as_str()).collect();
    if names.is_empty() { text } else { with_secrets(&text, &names) }
}

#[test]
fn meltano_takes_every_built_in_connector_without_a_hub_and_without_a_warning() {
    let project = Project::new();
    for head in Catalog::built_in_heads() {
        let connector = Catalog::built_in(head.role, &head.name).unwrap();
        project.write(&format!("integrations/{}-{}.toml", head.name, head.role), &smallest(&connector));
    }
    project.write("integrations/singer-jsonl-extractor.prod.toml", "[config]\nlocal.folders = ['other']\n");
    project.write("spile.toml", "[project]\nname = 'real'\n[environments.dev]\n[environments.prod]\n");
    project.spile(&["apply", "--yes"]).succeeds();
    for words in [
        vec!["compile"],
        vec!["--environment", "prod", "config", "list", "tap-singer-jsonl--singer-jsonl-extractor"],
        vec!["config", "list", "tap-salesforce--salesforce-extractor"],
    ] {
        let ran = Ran(project.meltano(&words)).succeeds();
        let noise: Vec<_> = ran.0.stderr.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect();
        let bad: Vec<_> =
            noise.iter().filter(|line| line.to_lowercase().contains("warn") || line.contains("hub")).collect();
        assert!(bad.is_empty(), "{words:?}: {bad:?}");
    }
    let prod =
        Ran(project.meltano(&["--environment", "prod", "config", "print", "tap-singer-jsonl--singer-jsonl-extractor"]));
    assert!(prod.stdout().contains("other"), "{}{}", prod.stdout(), prod.stderr());
}

#[test]
fn a_failing_tap_is_reported_by_its_last_error_and_keeps_its_whole_log() {
    let project = Project::with_fault("fail");
    let ran = project.spile(&["test", "things"]).fails();
    assert!(ran.stdout().contains("access token has expired"), "{}\n{}", ran.stdout(), ran.stderr());
    assert!(!ran.stdout().contains("Traceback"), "{}", ran.stdout());
    let ran = project.spile(&["sync", "things"]).fails();
    assert!(ran.stdout().contains("access token has expired"), "{}\n{}", ran.stdout(), ran.stderr());
    assert_eq!(project.newest_run()["status"], "failed");
    let status = project.json(&["status"]);
    let things = status["integrations"].as_array().unwrap().iter().find(|one| one["slug"] == "things").unwrap();
    assert_eq!(things["status"], "error");
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(log.contains("Traceback") && log.contains("the socket was closed"), "{log}");
}

#[test]
fn a_sync_resumes_from_its_bookmark_even_by_hand_and_after_a_rename() {
    let project = Project::with_fault("well");
    project.spile(&["sync"]).succeeds();
    assert_eq!(project.newest_run()["records"], 3);
    assert_eq!(project.newest_run()["state_id"], "dev:tap-fault--things-to-target-jsonl--files");
    Ran(project.meltano(&["--environment", "dev", "run", "tap-fault--things", "target-jsonl--files"])).succeeds();
    std::fs::rename(project.path().join("integrations/things.toml"), project.path().join("integrations/stuff.toml"))
        .unwrap();
    project.spile(&["apply", "--yes"]).succeeds();
    let would = project.json(&["sync", "--dry-run"])["would_sync"][0].clone();
    assert_eq!(would["state_id"], "dev:tap-fault--stuff-to-target-jsonl--files");
    assert_eq!(would["bookmark"]["bookmarks"]["things"]["last"], 6, "it moves along before the sync: {would}");
    project.spile(&["sync"]).succeeds();
    let ids: Vec<i64> = project
        .read("output/things.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_tap_that_hangs_is_stopped_in_time_and_leaves_nothing_running() {
    for mode in ["hang", "stubborn"] {
        let project = Project::with_fault(mode);
        let ran = project.spile(&["sync", "--timeout", "8"]).fails();
        assert!(ran.stdout().contains("stopped after 8 seconds"), "{}\n{}", ran.stdout(), ran.stderr());
        assert_eq!(processes_of(&project), Vec::<String>::new(), "{mode}");
        assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    }
}

#[test]
fn ctrl_c_is_passed_on_and_waited_for() {
    let project = Project::with_fault("hang");
    let mut child = project.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    signal("-INT", &child);
    assert_eq!(wait(&mut child, Duration::from_mins(1)).code(), Some(1));
    assert_eq!(project.newest_run()["status"], "cancelled");
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn the_next_run_cleans_up_after_a_killed_one() {
    let project = Project::with_fault("hang");
    let mut child = project.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    let lines = processes_of(&project);
    assert!(!leftovers(&project).is_empty(), "an active run has files");
    signal("-KILL", &child);
    wait(&mut child, Duration::from_secs(10));
    // Processes that outlive the killed program are killed too, as if the machine went down.
    kill_all(&project);
    assert!(!lines.is_empty());
    project.write("integrations/things.toml", &things("well"));
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["test"]).succeeds();
    assert!(leftovers(&project).is_empty(), "{:?} {}", leftovers(&project), ran.stderr());
}

/// Shows that Meltano's single database copes: no run fails, and no bookmark is lost.
#[test]
fn concurrent_runs_all_succeed_repeatedly_and_lose_no_bookmark() {
    const ROUNDS: usize = 4;
    let project = Project::with_fault("well");
    for number in 0..5 {
        let text = format!("type = 'fault'\nloader = 'to-{number}'\n");
        project.write(&format!("integrations/more-{number}.toml"), &text);
        let loader = format!(
            "type = 'jsonl'\nkind = 'loader'\n[config]\ndestination_path = 'output/{number}'\ndo_timestamp_file = false\n"
        );
        project.write(&format!("integrations/to-{number}.toml"), &loader);
    }
    project.spile(&["apply", "--yes"]).succeeds();
    for _ in 0..ROUNDS {
        let ran = project.spile(&["sync", "--jobs", "6"]).succeeds();
        assert_eq!(ran.stdout().matches(" ok ").count(), 6, "{}", ran.stdout());
    }
    for number in 0..5 {
        // Each round continues where the previous one stopped.
        let text = project.read(&format!("output/{number}/things.jsonl"));
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_u64().unwrap();
        assert_eq!(text.lines().map(id).collect::<Vec<_>>(), (1..=3 * ROUNDS as u64).collect::<Vec<_>>());
    }
}

#[test]
fn meltano_keeps_no_copy_of_plugin_output() {
    let project = Project::with_fault("well");
    let state = project.path().join("state");
    Ran(project.command(&["sync"]).env("XDG_STATE_HOME", &state).output().unwrap()).succeeds();
    assert!(!state.exists(), "{:?}", std::fs::read_dir(state).unwrap().flatten().collect::<Vec<_>>());
    assert!(project.spile(&["logs", "things"]).succeeds().stdout().contains("Run completed"));
}

#[test]
fn a_plugin_that_cannot_be_installed_fails_the_run_with_the_reason() {
    let project = Project::with_fault("well");
    let nobodys = CONNECTOR.replace("./tap-fault", "tap-that-nobody-has-published==1.0");
    project.write("connectors/fault.toml", &nobodys.replace("\"tap-fault\"", "\"tap-nobodys\""));
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["test"]).fails();
    assert!(ran.stdout().contains("tap-that-nobody-has-published"), "{}\n{}", ran.stdout(), ran.stderr());
}

#[test]
fn without_a_python_the_error_says_so() {
    let project = Project::with_fault("well");
    std::fs::remove_file(project.path().join(".spile/meltano")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let Ran(output) = Ran(project.command(&["test"]).env("PATH", empty.path()).output().unwrap()).fails();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("no Python was found") && told.contains("install Python 3.10"), "{told}");
}
