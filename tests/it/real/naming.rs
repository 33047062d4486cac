//! Predicted table names, compared with those that the real loaders create.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::WAREHOUSE;
use super::loaders::{declared, postgres, with_loaders};
use crate::project::Project;
use crate::supabase::postgres::Postgres;

/// Stream names, as taps use them.
const ODD: [&str; 11] = [
    "orders",
    "Web-Events",
    "App-Clicks",
    "db-public-users",
    "a-b-c-d",
    "x.y",
    "UPPER",
    "with space",
    "grün",
    "9lives",
    "semi;colon",
];

/// A name that Postgres would truncate and its loader refuses.
const LONG: &str = "a_name_of_seventy_one_bytes_which_is_more_than_postgres_takes_for_a_table";

/// Singer messages of streams with one record each, which names its source.
fn messages(names: &[&str], from: &str) -> String {
    let text = json!({ "type": ["null", "string"] });
    let schema = json!({ "type": "object", "properties": { "id": text, "origin": text } });
    let lines = |name: &&str| {
        let head = json!({ "type": "SCHEMA", "stream": name, "schema": schema, "key_properties": ["id"] });
        let record = json!({ "id": format!("{from} {name}"), "origin": from });
        let record = json!({ "type": "RECORD", "stream": name, "record": record });
        format!("{head}\n{record}\n")
    };
    names.iter().map(lines).collect()
}

/// Declares a source of such messages.
fn source(project: &Project, slug: &str, loader: &str, names: &[&str], more: &str) {
    project.write(&format!("data/{slug}/{slug}.singer.jsonl"), &messages(names, slug));
    let text = format!("type = 'singer-jsonl'\nloader = '{loader}'\n[config]\nlocal.folders = ['data/{slug}']\n{more}");
    project.write(&format!("integrations/{slug}.toml"), &text);
}

/// Returns the predicted tables of a source.
fn predicted(project: &Project, slug: &str) -> BTreeSet<String> {
    let offer = project.json(&["discover", slug]);
    crate::cli::schemas::holds("discover", &offer);
    let table = |stream: &Value| stream["table"].as_str().unwrap_or_else(|| panic!("{stream}")).to_owned();
    offer["streams"].as_array().unwrap().iter().map(table).collect()
}

/// Returns the tables of a database file, or the result of a query.
fn duckdb(project: &Project, question: &str) -> BTreeSet<String> {
    let python = project.path().join(".meltano/loaders/target-duckdb/venv/bin/python");
    let ask = format!(
        "import duckdb\nfor row in duckdb.connect('warehouse.duckdb').sql(\"{question}\").fetchall(): print(row[0])"
    );
    let said = Command::new(python).args(["-c", &ask]).current_dir(project.path()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()
}

fn lake(server: &Postgres, database: &str, question: &str) -> BTreeSet<String> {
    server.sql(database, question).unwrap().lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

/// Lists all tables that a loader has created in Postgres, with their schemas.
const TABLES: &str = "select string_agg(table_schema || '.' || table_name, E'\\n') from information_schema.tables \
                      where table_schema not in ('pg_catalog', 'information_schema')";

fn database(server: &Postgres, name: &str) {
    server.sql("postgres", &format!("create database {name} template template0")).unwrap();
    server
        .sql(name, &format!("grant create on database {name} to shop; grant create on schema public to shop"))
        .unwrap();
}

#[test]
fn table_names_are_predicted_correctly_for_any_stream_name() {
    let Some(server) = Postgres::shared() else { return };
    database(server, "named");
    drop(with_loaders());
    let project = declared(&postgres(server.port, "named"));
    source(&project, "odd", "lake", &ODD, "");
    source(&project, "duckling", "duck", &ODD, "");
    project.write("integrations/duck.toml", WAREHOUSE);
    for slug in ["odd", "duckling"] {
        project.spile(&["discover", slug]).succeeds();
    }
    project.spile(&["apply", "--yes"]).succeeds();
    for slug in ["odd", "duckling"] {
        project.spile(&["sync", slug]).succeeds();
    }
    assert_eq!(lake(server, "named", TABLES), predicted(&project, "odd"));
    let question = "select table_schema || '.' || table_name from information_schema.tables";
    assert_eq!(duckdb(&project, question), predicted(&project, "duckling"));
    let told = project.spile(&["check", "--discover"]).succeeds().stdout();
    assert!(told.contains("`Web-Events` to `raw.Events`") && told.contains("`x.y` to `main.x_y`"), "{told}");
    source(&project, "long", "lake", &[LONG], "");
    project.spile(&["discover", "long"]).succeeds();
    let told = project.spile(&["check", "--discover"]).succeeds().stdout();
    assert!(told.contains("longer than 63 characters"), "{told}");
    project.spile(&["apply", "--yes"]).succeeds();
    let failed = project.spile(&["sync", "long"]).fails().stdout();
    assert!(failed.contains("exceeds maximum length of 63 characters"), "the prediction was right: {failed}");
}

#[test]
fn without_a_schema_of_the_loader_the_streams_own_is_predicted_correctly() {
    let Some(server) = Postgres::shared() else { return };
    database(server, "unschemed");
    drop(with_loaders());
    let text = postgres(server.port, "unschemed").replace("'raw'", "''");
    let project = declared(&text);
    source(&project, "odd", "lake", &["Web-Events", "db-public-users", "a-b-c-d", "plain"], "");
    project.spile(&["discover", "odd"]).succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "odd"]).succeeds();
    let made: BTreeSet<String> = lake(server, "unschemed", TABLES);
    let predicted = predicted(&project, "odd").into_iter();
    let schema = |table: String| if table.contains('.') { table } else { format!("public.{table}") };
    assert_eq!(made, predicted.map(schema).collect());
}

/// `Web-Events` and `App-Events` both became `raw.events`, and their rows were mixed.
#[test]
fn two_streams_in_one_table_are_reported_before_their_rows_are_mixed() {
    let Some(server) = Postgres::shared() else { return };
    database(server, "mixed");
    drop(with_loaders());
    let project = declared(&postgres(server.port, "mixed"));
    source(&project, "clicks", "lake", &["Web-Events", "App-Events"], "");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["discover", "clicks"]).succeeds();
    for words in [&["plan"][..], &["check", "--discover"], &["apply", "--yes"]] {
        let told = project.spile(words).fails().stderr();
        assert!(told.contains("`App-Events` and `Web-Events` to `raw.Events`"), "{words:?}: {told}");
    }
    project.spile(&["check"]).succeeds();
    let text = project.read("integrations/clicks.toml");
    project.write("integrations/clicks.toml", &text.replace("[config]", "[load]\nshared_tables = true\n[config]"));
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "clicks"]).succeeds();
    let rows = "select string_agg(id, E'\\n') from raw.\"Events\"";
    let both = ["clicks App-Events", "clicks Web-Events"];
    assert_eq!(lake(server, "mixed", rows), both.map(str::to_owned).into(), "the prediction was right");
}

/// Returns the consequences of the plan's changes for the data.
fn follows(project: &Project) -> BTreeSet<String> {
    let plan = project.json(&["plan"]);
    let told =
        |change: &Value| format!("{} {}", change["slug"].as_str().unwrap(), change["consequence"].as_str().unwrap());
    plan["changes"].as_array().unwrap().iter().map(told).filter(|told| !told.ends_with(" none")).collect()
}

/// Two integrations with the same connector and loader shared tables without a warning.
#[test]
fn a_schema_of_its_own_keeps_the_rows_of_two_integrations_apart_in_real_loaders() {
    let Some(server) = Postgres::shared() else { return };
    database(server, "divided");
    drop(with_loaders());
    let project = declared(&postgres(server.port, "divided"));
    let own = "[load]\nschema = 'shop_us'\n";
    for (eu, us, loader) in [("eu", "us", "lake"), ("eu-duck", "us-duck", "duck")] {
        source(&project, eu, loader, &["orders"], "");
        source(&project, us, loader, &["orders"], "");
        project.spile(&["discover", eu]).succeeds();
        project.spile(&["discover", us]).succeeds();
    }
    let told = project.spile(&["plan"]).fails().stderr();
    assert!(told.contains("`eu` and `us` would write to `raw.orders`"), "{told}");
    assert!(told.contains("`schema = \"us\"` under `[load]` in `integrations/us.toml`"), "{told}");
    for (slug, loader) in [("us", "lake"), ("us-duck", "duck")] {
        source(&project, slug, loader, &["orders"], "[load]\nshared_tables = true\n");
    }
    project.spile(&["apply", "--yes"]).succeeds();
    source(&project, "us", "lake", &["orders"], own);
    source(&project, "us-duck", "duck", &["orders"], own);
    assert_eq!(follows(&project), ["us resync".to_owned(), "us-duck resync".to_owned()].into(), "the others stay");
    project.spile(&["check", "--discover"]).succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["plan", "--exit-code"]).succeeds();
    assert_eq!(predicted(&project, "us"), ["shop_us.orders".to_owned()].into());
    for slug in ["eu", "us", "eu-duck", "us-duck"] {
        project.spile(&["sync", slug]).succeeds();
    }
    assert_eq!(lake(server, "divided", "select id from raw.orders"), ["eu orders".to_owned()].into());
    assert_eq!(lake(server, "divided", "select id from shop_us.orders"), ["us orders".to_owned()].into());
    assert_eq!(duckdb(&project, "select id from main.orders"), ["eu-duck orders".to_owned()].into());
    assert_eq!(duckdb(&project, "select id from shop_us.orders"), ["us-duck orders".to_owned()].into());
    // Loaders are tested without an extractor, and Meltano behaves the same when run by hand.
    project.spile(&["test", "lake", "duck"]).succeeds();
    assert_eq!(lake(server, "divided", "select count(*) from raw.spile_test"), ["1".to_owned()].into());
}
