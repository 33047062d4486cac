//! A full refresh with a reset leaves only the rows that the source still has, and without one it leaves all.

use std::path::Path;

use serde_json::json;

use super::WAREHOUSE;
use super::grades::unsteady;
use super::loaders::{postgres, with_loaders};
use super::sources::asked_of_duckdb;
use crate::project::{LOADER, Project, with_sources};
use crate::supabase::postgres::Postgres;

const CSV: &str = "type = 'csv'\nkind = 'loader'\n[config]\noutput_path = 'tables'\n";

/// A source with two tables of five rows, and its integration, which loads into `to`.
fn shop(server: &Postgres, database: &str, loaders: &[(&str, &str)], to: &str) -> Project {
    server.sql("postgres", &format!("create database {database}")).unwrap();
    server.sql(database, &format!("grant create on database {database} to shop")).unwrap();
    for table in ["a", "b"] {
        let sql = format!(
            "create table {table}(id bigint primary key, updated_at timestamptz not null); \
             insert into {table} select g, '2026-01-01'::timestamptz + g * interval '1 minute' from generate_series(1, 5) g; \
             grant select, insert, delete on {table} to shop"
        );
        server.sql(database, &sql).unwrap();
    }
    drop(with_loaders());
    let project = with_sources();
    for (slug, text) in loaders {
        project.write(&format!("integrations/{slug}.toml"), text);
    }
    declare(&project, server.port, database, to);
    project.spile(&["secrets", "init"]).succeeds();
    let slugs = ["shop"].into_iter().chain(loaders.iter().map(|(slug, _)| *slug).filter(|slug| *slug == "lake"));
    for slug in slugs {
        project.spile_with(&["secrets", "set", slug, "password", "--stdin"], "hunter2").succeeds();
    }
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

fn declare(project: &Project, port: u16, database: &str, to: &str) {
    let text = format!(
        "type = 'postgres'\nkind = 'extractor'\nloader = '{to}'\nselect = ['public-a.*', 'public-b.*']\n\n[config]\n\
         host = '127.0.0.1'\nport = {port}\nuser = 'shop'\ndatabase = '{database}'\nfilter_schemas = ['public']\n\n\
         [metadata.\"public-*\"]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n"
    );
    project.write("integrations/shop.toml", &text);
}

/// Deletes two rows of each table in the source, and adds one.
fn change(server: &Postgres, database: &str) {
    for table in ["a", "b"] {
        let sql = format!(
            "delete from public.{table} where id in (1, 5); insert into public.{table} values (6, '2026-02-01')"
        );
        server.sql(database, &sql).unwrap();
    }
}

#[test]
fn a_reset_of_postgres_removes_what_the_source_no_longer_has_and_of_no_other_stream() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server, "reset", &[("lake", &postgres(server.port, "reset"))], "lake");
    let ids = |table: &str| {
        let sql =
            format!("select string_agg(id::text, ' ' order by id) from raw.{table} where _sdc_deleted_at is null");
        server.sql("reset", &sql).unwrap()
    };
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(ids("a"), "1 2 3 4 5");
    change(server, "reset");
    project.spile(&["sync", "shop", "--full-refresh"]).succeeds();
    assert_eq!(
        (ids("a"), ids("b")),
        ("1 2 3 4 5 6".to_owned(), "1 2 3 4 5 6".to_owned()),
        "without a reset, rows stay"
    );

    project.spile(&["sync", "shop", "--full-refresh=public-a", "--reset"]).succeeds();
    assert_eq!((ids("a"), ids("b")), ("2 3 4 6".to_owned(), "1 2 3 4 5 6".to_owned()));
    assert_eq!(server.sql("reset", "select count(*) from raw.a").unwrap(), "4", "they are gone, not marked");
    assert_eq!(project.newest_run()["details"]["reset"], true);
    // Rows that came without a version since then are as good as others.
    server.sql("reset", "insert into public.a values (7, '2026-03-01'); delete from public.a where id = 4").unwrap();
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(ids("a"), "2 3 4 6 7");
    project.spile(&["sync", "shop", "--full-refresh", "--reset"]).succeeds();
    assert_eq!((ids("a"), ids("b")), ("2 3 6 7".to_owned(), "2 3 4 6".to_owned()));
    // A source that is empty leaves an empty table.
    server.sql("reset", "delete from public.b").unwrap();
    project.spile(&["sync", "shop", "--stream", "public-b", "--full-refresh", "--reset"]).succeeds();
    assert_eq!((ids("a"), ids("b")), ("2 3 6 7".to_owned(), String::new()));

    let lake = format!("{}add_record_metadata = false\n", postgres(server.port, "reset"));
    let secrets = project.read("integrations/lake.toml");
    let (_, secrets) = secrets.split_once("[secrets]").unwrap();
    project.write("integrations/lake.toml", &format!("{lake}\n[secrets]{secrets}"));
    let told = project.spile(&["sync", "shop", "--full-refresh", "--reset"]).fails().stderr();
    assert!(told.contains("cannot tell old rows from new ones without `add_record_metadata = true`"), "{told}");
}

#[test]
fn a_reset_of_duckdb_replaces_the_rows_at_once_and_adds_no_columns() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server, "reset_duck", &[("duck", WAREHOUSE)], "duck");
    let ids = |table: &str| asked_of_duckdb(&project, &format!("select string_agg(id, ' ' order by id) from {table}"));
    project.spile(&["sync", "shop"]).succeeds();
    change(server, "reset_duck");
    project.spile(&["sync", "shop", "--full-refresh"]).succeeds();
    assert_eq!(ids("a"), "1 2 3 4 5 6", "without a reset, rows stay");
    project.spile(&["sync", "shop", "--full-refresh=public-a", "--reset"]).succeeds();
    assert_eq!((ids("a"), ids("b")), ("2 3 4 6".to_owned(), "1 2 3 4 5 6".to_owned()));
    let columns = "select string_agg(table_name || '.' || column_name, ' ' order by 1) from information_schema.columns";
    assert_eq!(
        asked_of_duckdb(&project, columns),
        "a.id a.updated_at b.id b.updated_at",
        "nothing else is in the file"
    );
    // The key is still one: the next sync merges.
    server.sql("reset_duck", "insert into public.a values (7, '2026-03-01')").unwrap();
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(ids("a"), "2 3 4 6 7");
    assert_eq!(project.newest_run()["streams"], json!({ "public-a": 2, "public-b": 1 }));
}

#[test]
fn a_reset_that_fails_on_its_way_leaves_every_row() {
    let Some(server) = Postgres::shared() else { return };
    server.sql("postgres", "create database reset_failed").unwrap();
    server.sql("reset_failed", "grant create on database reset_failed to shop").unwrap();
    drop(with_loaders());
    let project = unsteady();
    project.write("integrations/lake.toml", &postgres(server.port, "reset_failed"));
    project.write("integrations/duck.toml", WAREHOUSE);
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "lake", "password", "--stdin"], "hunter2").succeeds();
    let with_fault = |fault: &str, loader: &str| {
        let text = format!("type = 'unsteady'\nloader = '{loader}'\n[config]\nfault = '{fault}'\n");
        project.write("integrations/orders.toml", &text);
        project.spile(&["apply", "--yes"]).succeeds();
    };
    for loader in ["lake", "duck"] {
        with_fault("none", loader);
        project.spile(&["sync", "orders"]).succeeds();
        let rows = || match loader {
            "lake" => {
                server.sql("reset_failed", "select string_agg(id::text, ' ' order by id) from raw.orders").unwrap()
            }
            _ => asked_of_duckdb(&project, "select string_agg(id, ' ' order by id) from orders"),
        };
        let before = rows();
        assert_eq!(before, "1 2 3 4 5 6 7 8 9", "{loader}");
        with_fault("dies", loader);
        project.spile(&["sync", "orders", "--full-refresh", "--reset", "--retries", "0"]).fails();
        assert_eq!(project.newest_run()["records"], 3, "{loader}");
        assert_eq!(rows(), before, "{loader}");
        if loader == "duck" {
            let tables = "select string_agg(table_name, ' ') from information_schema.tables";
            assert_eq!(asked_of_duckdb(&project, tables), "orders", "what was kept apart is gone");
        }
    }
}

#[test]
fn a_reset_of_csv_files_writes_them_anew_and_one_of_json_lines_is_refused_before_anything_starts() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server, "reset_files", &[("csv", CSV), ("files", LOADER)], "csv");
    let lines = || {
        let files = std::fs::read_dir(project.path().join("tables")).unwrap().map(|file| file.unwrap().path());
        let count = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count() - 1;
        let mut all: Vec<_> = files.map(|path| (path.file_name().unwrap().to_owned(), count(&path))).collect();
        all.sort();
        all.into_iter().map(|(_, count)| count).collect::<Vec<_>>()
    };
    project.spile(&["sync", "shop"]).succeeds();
    change(server, "reset_files");
    let told = project.spile(&["sync", "shop", "--full-refresh=public-a", "--reset"]).fails().stderr();
    assert!(told.contains("empties the tables of all streams that it gets"), "{told}");
    assert_eq!(lines(), [5, 5]);
    project.spile(&["sync", "shop", "--full-refresh", "--reset"]).succeeds();
    assert_eq!(lines(), [4, 4]);

    declare(&project, server.port, "reset_files", "files");
    project.spile_with(&["secrets", "set", "shop", "password", "--stdin"], "hunter2").succeeds();
    let runs = project.json(&["runs"]);
    let told = project.json(&["sync", "shop", "--full-refresh", "--reset"]);
    assert_eq!(told["error"]["code"], "spile::run::not_runnable", "{told:#}");
    let said = told["error"]["message"].as_str().unwrap();
    assert!(said.contains("has the loader `files`, which cannot empty its tables or files"), "{said}");
    assert_eq!(project.json(&["runs"]), runs);
    for words in [vec!["sync", "shop", "--reset"], vec!["sync", "--full-refresh", "--reset"]] {
        assert_eq!(project.spile(&words).0.status.code(), Some(64), "{words:?}");
    }
}
