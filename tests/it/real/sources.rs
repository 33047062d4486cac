//! Complete syncs of real sources into real destinations: Postgres, a REST API, local files; JSON Lines, DuckDB.

use std::process::Command;

use serde_json::{Value, json};

use crate::project::{FRUIT, Project, with_sources};
use crate::real::api::Api;
use crate::supabase::postgres::Postgres;

/// Creates a database with fifty orders, and a user with limited rights.
pub fn orders(postgres: &Postgres, name: &str) {
    postgres.sql("postgres", &format!("create database {name}")).unwrap();
    postgres
        .sql(
            name,
            "create table orders(id int primary key, customer text, updated_at timestamptz not null);
             insert into orders select g, 'c' || g, '2026-01-01'::timestamptz + g * interval '1 hour'
               from generate_series(1, 50) g;
             create table hidden(id int primary key);
             revoke all on hidden from public;
             grant select on orders to shop;",
        )
        .unwrap();
}

/// Declares a Postgres source with a password and a replication key.
pub fn shop(project: &Project, port: u16, database: &str, select: &str) {
    let text = format!(
        "type = 'postgres'\nkind = 'extractor'\nloader = 'files'\nselect = ['{select}']\n\n[config]\nhost = '127.0.0.1'\n\
         port = {port}\nuser = 'shop'\ndatabase = '{database}'\nfilter_schemas = ['public']\n\n\
         [metadata.public-orders]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n"
    );
    project.write("integrations/shop.toml", &text);
}

pub fn password(project: &Project, value: &str) {
    project.spile_with(&["secrets", "set", "shop", "password", "--stdin"], value).succeeds();
}

fn count(project: &Project, path: &str) -> usize {
    project.read(path).lines().count()
}

#[test]
fn postgres_is_synced_incrementally_into_json_lines() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_incremental");
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_incremental", "public-orders.*");
    password(&project, "hunter2");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["test", "shop"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(count(&project, "output/public-orders.jsonl"), 50);
    let first = project.newest_run();
    assert_eq!((&first["records"], &first["streams"]), (&json!(50), &json!({ "public-orders": 50 })));
    postgres.sql("orders_incremental", "insert into orders values (51, 'new', '2026-02-01')").unwrap();
    project.spile(&["sync", "shop"]).succeeds();
    let second = project.newest_run();
    // The tap reads from its bookmark, including that row.
    assert_eq!(second["records"], 2);
    assert_eq!(second["bookmark_before"], first["bookmark_after"]);
    let bookmark = |run: &Value| {
        run["bookmark_after"]["bookmarks"]["public-orders"]["replication_key_value"].as_str().unwrap().to_owned()
    };
    assert!(bookmark(&first).starts_with("2026-01-03T02") && bookmark(&second).starts_with("2026-02-01"));
    project.spile(&["sync", "shop", "--full-refresh"]).succeeds();
    let third = project.newest_run();
    assert_eq!((&third["records"], &third["full_refresh"]), (&json!(51), &json!(true)));
    let plain = std::fs::read_to_string(project.path().join(".spile/logs/shop").join(log_name(&third))).unwrap();
    assert!(!plain.contains("hunter2"));
}

fn log_name(run: &Value) -> String {
    format!("{}.log", run["id"].as_str().unwrap())
}

/// Without a selection, 74 of 74 streams were read, including the database's own, and the run failed.
#[test]
fn postgres_without_a_selection_reads_all_user_tables_and_no_others() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_unselected");
    let more = "drop table hidden; create schema sales; create table sales.refunds(id int primary key, reason text);
                insert into sales.refunds values (1, 'late'), (2, 'broken');
                grant usage on schema sales to shop; grant select on sales.refunds to shop";
    postgres.sql("orders_unselected", more).unwrap();
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_unselected", "");
    let text = project.read("integrations/shop.toml");
    project.write(
        "integrations/shop.toml",
        &text.replace("select = ['']\n", "").replace("filter_schemas = ['public']\n", ""),
    );
    password(&project, "hunter2");
    let offer = project.json(&["discover", "shop"]);
    crate::cli::schemas::holds("discover", &offer);
    let streams = offer["streams"].as_array().unwrap();
    let name = |stream: &Value| stream["stream"].as_str().unwrap().to_owned();
    let (own, system) = streams.split_at(2);
    assert_eq!(own.iter().map(name).collect::<Vec<_>>(), ["public-orders", "sales-refunds"]);
    assert!(system.len() > 50 && system.iter().all(|stream| stream["selected"] == false), "{system:?}");
    assert_eq!(own[0]["proposal"]["replication_key"], "updated_at", "{}", own[0]);
    assert_eq!(own[1]["proposal"]["why"], "no column shows when a row last changed");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    let files = std::fs::read_dir(project.path().join("output")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["public-orders.jsonl", "sales-refunds.jsonl"]);
    assert_eq!((count(&project, "output/public-orders.jsonl"), count(&project, "output/sales-refunds.jsonl")), (50, 2));
}

#[test]
fn a_new_column_and_a_new_table_of_postgres_arrive() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_that_grow");
    // A stream that the tap offers but cannot read would fail the whole sync.
    postgres.sql("orders_that_grow", "drop table hidden").unwrap();
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_that_grow", "public-*.*");
    password(&project, "hunter2");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    let change = "alter table orders add column reason text;
                  create table refunds(id int primary key); insert into refunds select generate_series(1, 7);
                  grant select on refunds to shop;";
    postgres.sql("orders_that_grow", change).unwrap();
    project.spile(&["discover", "shop", "--refresh"]).succeeds();
    project.spile(&["sync", "shop", "--full-refresh"]).succeeds();
    let text = project.read("output/public-orders.jsonl");
    assert_eq!(text.lines().filter(|line| line.contains("\"reason\"")).count(), 50);
    assert_eq!(count(&project, "output/public-refunds.jsonl"), 7);
}

#[test]
fn a_rest_api_is_read_and_temporary_failures_are_retried() {
    let api = Api::start(json!([{ "id": 1, "name": "apple" }, { "id": 2, "name": "pear" }]));
    let project = with_sources();
    project.write("spile.toml", "[project]\nname = 'real'\n[sync]\nretries = 2\nretry_after = '1s'\n");
    project.write("integrations/fruit-api.toml", &api.integration());
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "fruit-api"]).succeeds();
    assert_eq!(count(&project, "output/fruits.jsonl"), 2);
    api.fails_next(1);
    let ran = project.spile(&["sync", "fruit-api"]).succeeds();
    assert!(ran.stderr().contains("Retrying fruit-api in 1 s"), "{}", ran.stderr());
    assert_eq!(project.newest_run()["attempts"], 2);
    let log = project.spile(&["logs", "fruit-api"]).succeeds().stdout();
    assert_eq!(log.matches("attempt 2 of at most 3 begins").count(), 1, "{log}");
    api.fails_next(1000);
    let ran = project.spile(&["sync", "fruit-api", "--retries", "0"]).fails();
    assert!(ran.stdout().contains("network"), "{}", ran.stdout());
    assert_eq!(project.newest_run()["cause"], "network");
}

/// The first row of a text-only stream was once mistaken for a header and dropped, with exit code 0.
#[test]
fn a_text_only_stream_arrives_complete_in_duckdb() {
    let project = with_sources();
    let text = json!({ "type": ["null", "string"] });
    let schema = json!({ "type": "object", "properties": { "id": text, "name": text } });
    let head = json!({ "type": "SCHEMA", "stream": "words", "schema": schema, "key_properties": ["id"] });
    let record = |at: usize| json!({ "type": "RECORD", "stream": "words", "record": { "id": format!("a{at}"), "name": format!("n{at}") } });
    let lines: Vec<String> = std::iter::once(head).chain((0..5).map(record)).map(|line| line.to_string()).collect();
    project.write("data/words.singer.jsonl", &format!("{}\n", lines.join("\n")));
    project.write("integrations/words.toml", &FRUIT.replace("'files'", "'warehouse'"));
    project.write("integrations/warehouse.toml", super::WAREHOUSE);
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "words"]).succeeds();
    assert_eq!(
        asked_of_duckdb(&project, "select string_agg(id || name, ' ' order by id) from words"),
        "a0n0 a1n1 a2n2 a3n3 a4n4"
    );
    assert_eq!(project.newest_run()["records"], 5);
}

/// Returns the single value that a query to the database file gives.
pub fn asked_of_duckdb(project: &Project, question: &str) -> String {
    let python = project.path().join(".meltano/loaders/target-duckdb/venv/bin/python");
    let ask = format!("import duckdb; print(duckdb.connect('warehouse.duckdb').sql(\"{question}\").fetchall()[0][0])");
    let said = Command::new(python).args(["-c", &ask]).current_dir(project.path()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

#[test]
fn local_files_are_read_into_duckdb() {
    let project = with_sources();
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    project.write("integrations/fruit.toml", &FRUIT.replace("'files'", "'warehouse'"));
    project.write("integrations/warehouse.toml", super::WAREHOUSE);
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "fruit"]).succeeds();
    assert_eq!(asked_of_duckdb(&project, "select count(*) from fruit"), "3");
    assert_eq!(project.newest_run()["records"], 3);
}
