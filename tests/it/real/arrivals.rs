//! Syncs that count their records at the destination.

use serde_json::{Value, json};

use super::loaders::{declared, postgres, with_loaders};
use crate::project::Project;
use crate::supabase::postgres::Postgres;

/// A test loader that loses the last record of each batch and reports success.
const LOSSY: &str = r#"
kind = "loader"

[plugin]
name = "target-lossy"
namespace = "target_lossy"
pip_url = "./target-lossy"
executable = "target-lossy"

[[settings]]
name = "host"

[[settings]]
name = "port"
kind = "integer"

[[settings]]
name = "user"

[[settings]]
name = "password"
secret = true

[[settings]]
name = "database"

[[settings]]
name = "default_target_schema"
"#;

/// A project with loaders that write into this database, each with a source.
fn with_fruit(server: &Postgres, database: &str) -> Project {
    server.sql("postgres", &format!("create database {database}")).unwrap();
    server.sql(database, &format!("grant create on database {database} to shop")).unwrap();
    drop(with_loaders());
    let project = declared(&postgres(server.port, database));
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    for loader in ["files", "csv", "duck", "lake"] {
        project.write(&format!("integrations/to-{loader}.toml"), &source(loader));
    }
    project
}

fn source(loader: &str) -> String {
    format!("type = 'singer-jsonl'\nloader = '{loader}'\n[config]\nlocal.folders = ['data']\n")
}

/// Returns the arrivals of the fruit, by integration.
fn arrivals(project: &Project) -> Value {
    let runs = project.json(&["runs", "-n", "4"])["runs"].as_array().unwrap().clone();
    let of = |run: &Value| (run["slug"].as_str().unwrap().to_owned(), run["details"]["arrivals"]["fruit"].clone());
    runs.iter().map(of).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn arrivals_are_counted_for_every_built_in_loader() {
    let Some(server) = Postgres::shared() else { return };
    let project = with_fruit(server, "arrived");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync"]).succeeds();
    let arrived = |table: &str, load: &str, rows: [u64; 2]| json!({ "table": table, "load": load, "before": rows[0], "after": rows[1], "keys": 3 });
    let expected = |rows: [u64; 2], all: [u64; 2]| {
        json!({
            "to-files": arrived("output/fruit.jsonl", "append", all),
            "to-csv": arrived("tables/fruit.csv", "replace", rows),
            "to-duck": arrived("main.fruit", "merge", rows),
            "to-lake": arrived("raw.fruit", "merge", rows),
        })
    };
    assert_eq!(arrivals(&project), expected([0, 3], [0, 3]));
    assert_eq!(server.sql("arrived", "select count(*) from raw.fruit").unwrap(), "3");
    project.spile(&["sync", "--full-refresh"]).succeeds();
    assert_eq!(arrivals(&project), expected([3, 3], [3, 6]), "tables keep a row for each key; files grow");
    let run = project.newest_run();
    let packages = run["details"]["packages"].as_object().unwrap();
    assert!(packages.values().any(|package| package.as_str().unwrap().starts_with("tap_singer_jsonl ")), "{run:#}");
    crate::cli::schemas::holds("run", &project.json(&["runs", "show", "to-lake"]));
    crate::cli::schemas::holds("runs", &project.json(&["runs"]));
    let shown = project.spile(&["runs", "show", "to-lake"]).succeeds().stdout();
    assert!(shown.contains("fruit   3        raw.fruit  3            3\n"), "{shown}");
    assert!(
        shown.contains("plugin") && shown.contains("target-postgres--lake: meltanolabs_target_postgres 0.8.1"),
        "{shown}"
    );
    project.spile(&["sync", "--full-refresh", "--verify=off", "to-lake"]).succeeds();
    assert_eq!(project.newest_run()["details"]["arrivals"], Value::Null, "nobody asked for a count");
}

#[test]
fn a_loader_that_silently_loses_a_record_fails_the_run() {
    let Some(server) = Postgres::shared() else { return };
    let project = with_fruit(server, "lossy");
    project.add_package("loaders/target-lossy");
    project.write("connectors/lossy.toml", LOSSY);
    project.write("integrations/leak.toml", &postgres(server.port, "lossy").replace("'postgres'", "'lossy'"));
    project.spile_with(&["secrets", "set", "leak", "password", "--stdin"], "hunter2").succeeds();
    project.write("integrations/to-leak.toml", &source("leak"));
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["sync", "to-leak"]).fails();
    let run = project.newest_run();
    assert_eq!((&run["status"], &run["cause"]), (&json!("failed"), &json!("lost_records")), "{run:#}");
    let sentence = "rows are missing: `raw.fruit` has 2 rows after 3 records of `fruit`, but should have at least 3";
    assert_eq!(run["error"], sentence);
    let text = format!("{}{}", ran.stdout(), ran.stderr());
    assert!(text.contains(sentence) && text.contains("--full-refresh"), "{text}");
    assert_eq!(server.sql("lossy", "select count(*) from raw.fruit").unwrap(), "2");
    project.spile(&["sync", "to-leak", "--full-refresh", "--verify=off"]).succeeds();
}
