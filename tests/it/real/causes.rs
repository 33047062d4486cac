//! Failures of every kind, provoked for real, and told apart: with the next step and the line to fix.

use serde_json::Value;

use super::loaders::{self, with_loaders};
use super::sources::{orders, password, shop};
use crate::cli::schemas::holds;
use crate::project::{CONNECTOR, Project, leftovers, processes_of, things, with_sources};
use crate::supabase::postgres::Postgres;

/// Runs a command that fails, and returns its single run as data.
fn failed(project: &Project, words: &[&str]) -> Value {
    let ran = project.spile(&[words, &["--format", "json"]].concat()).fails();
    let result: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(result["runs"].as_array().map(Vec::len), Some(1), "{result}");
    holds("results", &result);
    result["runs"][0].clone()
}

/// Demands that a run failed for this cause, with these words, and points to a line of its file that contains `line`.
fn is_told(project: &Project, run: &Value, cause: &str, words: &str, line: &str) {
    assert_eq!(run["cause"], cause, "{run}");
    assert!(run["error"].as_str().unwrap().contains(words), "{run}");
    let mend = &run["mend"];
    let path = mend["path"].as_str().unwrap();
    let number = usize::try_from(mend["line"].as_u64().unwrap()).unwrap();
    let text = project.read(path);
    assert!(text.lines().nth(number - 1).unwrap().contains(line), "{run} in\n{text}");
    assert!(!mend["help"].as_str().unwrap().is_empty());
    assert!(!run["error"].as_str().unwrap().contains("Traceback"), "{run}");
}

#[test]
fn refusals_of_postgres_are_reported_by_their_reason() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_refused");
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    let declare = |port: u16, database: &str, select: &str| {
        shop(&project, port, database, select);
        password(&project, "hunter2");
    };
    let told = |kind: &str, cause: &str, words: &str, line: &str| {
        is_told(&project, &failed(&project, &[kind, "shop"]), cause, words, line);
    };
    declare(postgres.port, "orders_refused", "public-orders.*");
    password(&project, "wrong");
    told("test", "credentials", "password authentication failed for user \"shop\"", "password = ");
    declare(1, "orders_refused", "public-orders.*");
    told("test", "network", "Connection refused", "port = ");
    declare(postgres.port, "orders_refused", "public-hidden.*");
    told("sync", "permission", "permission denied for table hidden", "password = ");
    declare(postgres.port, "orders_refused", "public-nothing.*");
    told("test", "missing_stream", "the files use `public-nothing`, which the source does not offer", "select = ");
    let text = project.read("integrations/shop.toml");
    assert!(!text.contains("hunter2"));
}

#[test]
fn a_loader_without_write_access_is_reported_with_its_own_file_and_account() {
    let Some(postgres) = Postgres::shared() else { return };
    postgres.sql("postgres", "create database closed").unwrap();
    let project = with_loaders();
    project.add_fault("well");
    let loader = loaders::postgres(postgres.port, "closed");
    project.write("integrations/lake.toml", &loader);
    project.write("integrations/things.toml", &things("well").replace("'files'", "'lake'"));
    project.spile_with(&["secrets", "set", "lake", "password", "--stdin"], "hunter2").succeeds();
    let run = failed(&project, &["sync", "things"]);
    is_told(&project, &run, "permission", "the loader failed: ", "database = ");
    assert!(run["error"].as_str().unwrap().contains("permission denied for database closed"), "{run}");
    assert_eq!(run["mend"]["path"], "integrations/lake.toml", "{run}");
    assert_eq!(run["details"]["failed"], "loader", "{run}");
    assert!(run["mend"]["help"].as_str().unwrap().contains("the right to write there"), "{run}");
    project.spile_with(&["secrets", "set", "lake", "password", "--stdin"], "wrong").succeeds();
    let run = failed(&project, &["sync", "things"]);
    assert!(run["mend"]["help"].as_str().unwrap().contains("`spile secrets set lake password`"), "{run}");
}

#[test]
fn a_missing_python_is_reported_with_the_setting_that_names_it() {
    let project = Project::with_fault("well");
    let connector = CONNECTOR.replace("tap-fault\"\nnamespace", "tap-snake\"\npython = \"python3.99\"\nnamespace");
    project.write("connectors/snake.toml", &connector);
    project.write("integrations/snake.toml", "type = 'snake'\nloader = 'files'\n[config]\nmode = 'well'\n");
    let run = failed(&project, &["sync", "snake"]);
    assert_eq!(run["cause"], "no_python", "{run}");
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("extractor `tap-snake` needs `python3.99`, which is not on this machine"), "{run}");
    let help = run["mend"]["help"].as_str().unwrap();
    assert!(help.contains("`python`") && !help.contains("pip_url"), "{run}");
}

#[test]
fn a_setting_that_only_the_tap_requires_is_reported() {
    let project = with_sources();
    // The tap's own check, with the connector's check removed.
    let connector = include_str!("../../../crates/spile-core/src/connector/builtin/extractors/rest-api.toml");
    project.write("connectors/rest-api.toml", &connector.replace("required = true\n", ""));
    project.write(
        "integrations/api.toml",
        "type = 'rest-api'\nloader = 'files'\n[config]\nstart_date = 2026-01-01T00:00:00Z\n",
    );
    is_told(&project, &failed(&project, &["test", "api"]), "missing_setting", "KeyError: 'streams'", "[config]");
}

#[test]
fn a_full_disk_a_dying_tap_and_invalid_output_are_told_apart() {
    let project = Project::with_fault("well");
    std::fs::create_dir_all(project.path().join("output")).unwrap();
    std::os::unix::fs::symlink("/dev/full", project.path().join("output/things.jsonl")).unwrap();
    is_told(&project, &failed(&project, &["sync", "things"]), "disk_full", "No space left on device", "type");
    std::fs::remove_file(project.path().join("output/things.jsonl")).unwrap();
    for (mode, cause, words) in [
        ("die", "killed", "the extractor was killed (signal 9)"),
        ("garbage", "output", "is not a Singer message, `this is not Singer`: "),
        ("fail", "credentials", "access token has expired"),
    ] {
        project.write("integrations/things.toml", &things(mode));
        is_told(&project, &failed(&project, &["sync", "things"]), cause, words, "type");
    }
    project.write("integrations/things.toml", &things("hang"));
    let run = failed(&project, &["sync", "things", "--timeout", "5s"]);
    holds("runs", &project.json(&["runs"]));
    holds("stats", &project.json(&["runs", "--stats"]));
    holds("dry-run", &project.json(&["sync", "--dry-run"]));
    is_told(&project, &run, "timeout", "stopped after 5 seconds", "type");
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty());
}

#[test]
fn a_silent_tap_succeeds_and_the_output_of_a_noisy_one_is_limited() {
    let project = Project::with_fault("nothing");
    project.spile(&["sync", "things"]).succeeds();
    assert_eq!(project.newest_run()["records"], 0);
    project.write("integrations/things.toml", &things("flood"));
    project.spile(&["sync", "things"]).succeeds();
    let run = project.newest_run();
    assert_eq!(run["records"], 3);
    let log = project.path().join(run["log"].as_str().unwrap());
    let size = |path: &std::path::Path| path.metadata().unwrap().len();
    let before = spile_world::processes::meltano::log_before(&log);
    assert!(size(&log) < 33 << 20 && size(&before) < 33 << 20);
    let shown = project.spile(&["logs", "things"]).succeeds().0.stdout;
    assert_eq!(shown.len() as u64, size(&log) + size(&before), "both pieces are shown");
}

#[test]
fn a_run_without_its_key_says_so_and_names_the_line() {
    let project = Project::with_fault("well");
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "things", "token", "--stdin"], "hunter2").succeeds();
    std::fs::remove_dir_all(project.path().join("config")).unwrap();
    is_told(&project, &failed(&project, &["test", "things"]), "secrets", "", "token = ");
}

#[test]
fn results_are_junit_too() {
    let project = Project::with_fault("fail");
    let ran = project.spile(&["test", "things", "--format", "junit"]).fails();
    let xml = ran.stdout();
    assert!(xml.contains("<testsuite name=\"spile runs\" tests=\"1\" failures=\"1\">"), "{xml}");
    assert!(xml.contains("<failure type=\"credentials\" message=\"RuntimeError: access token has expired\">"), "{xml}");
    assert!(
        xml.contains("file=\"integrations/things.toml\"") && xml.contains("--&gt; integrations/things.toml:1"),
        "{xml}"
    );
}
