//! Tests of loaders: a writable destination passes, any other is reported, and no files are left.

use std::path::PathBuf;
use std::sync::Once;

use serde_json::Value;

use super::WAREHOUSE;
use crate::project::{LOADER, Project, leftovers, processes_of, seed, with_sources};
use crate::supabase::postgres::Postgres;

const CSV: &str = "type = 'csv'\nkind = 'loader'\n[config]\noutput_path = 'tables'\n";

pub fn postgres(port: u16, database: &str) -> String {
    format!(
        "type = 'postgres'\nkind = 'loader'\n[config]\nhost = '127.0.0.1'\nport = {port}\nuser = 'shop'\n\
         database = '{database}'\ndefault_target_schema = 'raw'\n"
    )
}

/// A project whose integration `shop` reads such streams of a new database, `orders` by when they were changed, into a loader
/// of the same database. Nothing is applied yet.
pub fn shop_by_change(server: &Postgres, database: &str, sql: &str, select: &str) -> Project {
    server.sql("postgres", &format!("create database {database}")).unwrap();
    server.sql(database, sql).unwrap();
    server.sql(database, &format!("grant create on database {database} to shop")).unwrap();
    drop(with_loaders());
    let project = with_sources();
    project.write("integrations/lake.toml", &postgres(server.port, database));
    let port = server.port;
    let file = format!(
        "type = 'postgres'\nkind = 'extractor'\nloader = 'lake'\nselect = [{select}]\n\n\
         [config]\nhost = '127.0.0.1'\nport = {port}\nuser = 'shop'\ndatabase = '{database}'\nfilter_schemas = ['public']\n\n\
         [metadata.public-orders]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n"
    );
    project.write("integrations/shop.toml", &file);
    project.spile(&["secrets", "init"]).succeeds();
    for slug in ["shop", "lake"] {
        project.spile_with(&["secrets", "set", slug, "password", "--stdin"], "hunter2").succeeds();
    }
    project
}

/// A project with the loaders of these tests, installed once for all that share the seed.
pub fn with_loaders() -> Project {
    static MADE: Once = Once::new();
    let seed = seed();
    MADE.call_once(|| {
        let lock = std::fs::File::create(seed.join("../lock")).unwrap();
        lock.lock().unwrap();
        let made = seed.join("tested-loaders");
        if made.exists() {
            return;
        }
        let project = declared(&postgres(1, "d"));
        project.spile(&["test", "csv", "duck", "lake"]).fails();
        for plugin in ["target-csv", "target-duckdb", "target-postgres"] {
            assert!(seed.join(".meltano/loaders").join(plugin).join("venv/bin/python").exists(), "{plugin}");
        }
        std::fs::write(made, "").unwrap();
    });
    declared(&postgres(1, "d"))
}

/// A project with a loader of every kind; `lake` is the one of Postgres.
pub fn declared(lake: &str) -> Project {
    let project = Project::new();
    for (slug, text) in [("files", LOADER), ("csv", CSV), ("duck", WAREHOUSE), ("lake", lake)] {
        project.write(&format!("integrations/{slug}.toml"), text);
    }
    project.spile(&["secrets", "init"]).succeeds();
    password(&project, "hunter2");
    project
}

fn password(project: &Project, value: &str) {
    project.spile_with(&["secrets", "set", "lake", "password", "--stdin"], value).succeeds();
}

/// Tests a loader that fails, and returns its run.
fn failed(project: &Project, slug: &str) -> Value {
    let ran = project.spile(&["test", slug, "--format", "json"]).fails();
    let result: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let text = format!("{}{}", ran.stdout(), ran.stderr());
    assert!(!text.contains("Traceback") && !text.contains("hunter2"), "{text}");
    result["runs"][0].clone()
}

fn is_told(run: &Value, cause: &str, words: &str) {
    assert_eq!(run["cause"], cause, "{run:#}");
    assert!(run["error"].as_str().unwrap().contains(words), "{run:#}");
}

#[test]
fn writable_loaders_pass_and_file_loaders_leave_nothing() {
    let project = with_loaders();
    let kept = "what was there before\n";
    project.write("output/spile_test.jsonl", kept);
    project.spile(&["test", "files", "csv", "duck"]).succeeds();
    assert_eq!(project.read("output/spile_test.jsonl"), kept);
    assert_eq!(std::fs::read_dir(project.path().join("output")).unwrap().count(), 1);
    assert!(!project.path().join("tables").exists(), "a folder that was made for the test is gone");
    assert!(project.path().join("warehouse.duckdb").exists());
    std::fs::create_dir(project.path().join("tables")).unwrap();
    project.spile(&["test", "csv"]).succeeds();
    assert!(project.path().join("tables").exists(), "an existing folder stays, although it is empty");
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    let run = project.newest_run();
    assert_eq!((&run["kind"], &run["status"], &run["slug"]), (&"test".into(), &"ok".into(), &"csv".into()));
    // Without a name, only sources are tested.
    assert!(project.spile(&["test"]).succeeds().stderr().contains("nothing to run"));
    let told = project.spile(&["sync", "files"]).fails().stderr();
    assert!(told.contains("`files` is a loader, and loaders run with their extractors"), "{told}");
}

#[test]
fn a_file_loader_with_a_read_only_folder_fails_with_its_own_message() {
    let project = with_loaders();
    project.write("output", "a file");
    is_told(&failed(&project, "files"), "crash", "Not a directory");
    project.write("tables", "a file");
    is_told(&failed(&project, "csv"), "crash", "Not a directory");
    project.write("integrations/duck.toml", &WAREHOUSE.replace("warehouse.duckdb", "nowhere/warehouse.duckdb"));
    is_told(&failed(&project, "duck"), "crash", "No such file or directory");
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn postgres_as_a_destination_is_tested_for_real() {
    let Some(server) = Postgres::shared() else { return };
    server.sql("postgres", "create database lake").unwrap();
    let project = with_loaders();
    let declare = |port: u16, database: &str, secret: &str| {
        project.write("integrations/lake.toml", &postgres(port, database));
        password(&project, secret);
    };
    declare(server.port, "lake", "hunter2");
    is_told(&failed(&project, "lake"), "permission", "permission denied for database lake");
    server.sql("lake", "grant create on database lake to shop").unwrap();
    for _ in 0..2 {
        project.spile(&["test", "lake"]).succeeds();
    }
    let rows = server.sql("lake", "select string_agg(id::text, ',') from raw.spile_test").unwrap();
    assert_eq!(rows, "1", "one record, after any number of tests");
    declare(server.port, "lake", "wrong");
    is_told(&failed(&project, "lake"), "credentials", "password authentication failed for user \"shop\"");
    declare(1, "lake", "hunter2");
    is_told(&failed(&project, "lake"), "network", "Connection refused");
    declare(server.port, "ocean", "hunter2");
    let missing = failed(&project, "lake");
    assert!(missing["error"].as_str().unwrap().contains("database \"ocean\" does not exist"), "{missing:#}");
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    let logs = project.path().join(".spile/logs/lake");
    let logs: Vec<PathBuf> = std::fs::read_dir(logs).unwrap().map(|item| item.unwrap().path()).collect();
    assert!(logs.len() > 4);
    for log in logs {
        let text = std::fs::read_to_string(log).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
