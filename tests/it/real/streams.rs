//! Syncs of some streams, and refreshes of one: the bookmarks and the rows of all others are left alone.

use serde_json::{Value, json};

use crate::project::{LOADER, Project, with_sources};
use crate::supabase::postgres::Postgres;

const TABLES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// How many rows each table has, unless `SPILE_TABLE_ROWS` says otherwise.
const ROWS: u64 = 2_000;

/// The number of rows that the weekly tests ask for.
fn many() -> u64 {
    let asked = std::env::var("SPILE_TABLE_ROWS").ok();
    asked.map_or(ROWS, |rows| rows.parse().expect("SPILE_TABLE_ROWS is a number"))
}

/// A source with five tables of this many rows, a minute apart.
fn shop(server: &Postgres, database: &str, rows: u64) -> Project {
    server.sql("postgres", &format!("create database {database}")).unwrap();
    server.sql(database, &format!("grant create on database {database} to shop")).unwrap();
    for table in TABLES {
        let sql = format!(
            "create table {table}(id bigint primary key, updated_at timestamptz not null); \
             insert into {table} select g, '2026-01-01'::timestamptz + g * interval '1 minute' from generate_series(1, {rows}) g; \
             grant select on {table} to shop"
        );
        server.sql(database, &sql).unwrap();
    }
    let project = with_sources();
    // The rows are counted where they are read, so the destination is the fastest one.
    project.write("integrations/files.toml", LOADER);
    let mut text = format!(
        "type = 'postgres'\nkind = 'extractor'\nloader = 'files'\nselect = ['public-*.*']\n\n\
         [config]\nhost = '127.0.0.1'\nport = {}\nuser = 'shop'\ndatabase = '{database}'\nfilter_schemas = ['public']\n",
        server.port
    );
    text.push_str("\n[metadata.\"public-*\"]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n");
    project.write("integrations/shop.toml", &text);
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "shop", "password", "--stdin"], "hunter2").succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// Adds a row with this number to every table, newer than all others.
fn grow(server: &Postgres, database: &str, id: u64) {
    for table in TABLES {
        let sql = format!("insert into {table} values ({id}, '2026-06-01'::timestamptz + {id} * interval '1 minute')");
        server.sql(database, &sql).unwrap();
    }
}

/// The rows that Postgres has read of each table but the first, in all, by its own count.
fn reads_of_others(server: &Postgres, database: &str) -> String {
    let sql = "select string_agg(relname || ' ' || seq_tup_read + coalesce(idx_tup_fetch, 0), ', ' order by relname) \
               from pg_stat_user_tables where schemaname = 'public' and relname <> 'a'";
    server.sql(database, "select pg_stat_force_next_flush()").ok();
    server.sql(database, sql).unwrap()
}

fn marks(run: &Value, key: &str) -> Value {
    run[key]["bookmarks"].clone()
}

#[test]
fn a_refresh_of_one_stream_leaves_the_rows_and_bookmarks_of_the_others_alone() {
    let Some(server) = Postgres::shared() else { return };
    let rows = many();
    let project = shop(server, "streams", rows);
    project.spile(&["sync", "shop"]).succeeds();
    let first = marks(&project.newest_run(), "bookmark_after");
    assert_eq!(first.as_object().map(serde_json::Map::len), Some(5), "{first:#}");
    grow(server, "streams", rows + 1);

    let before = reads_of_others(server, "streams");
    project.spile(&["sync", "shop", "--stream", "public-a", "--full-refresh"]).succeeds();
    assert_eq!(reads_of_others(server, "streams"), before, "nothing is read of other tables");
    let run = project.newest_run();
    assert_eq!(run["streams"], json!({ "public-a": rows + 1 }), "{run:#}");
    assert_eq!(
        (&run["full_refresh"], &run["details"]["filter"]),
        (&json!(false), &json!({ "only": ["public-a"], "refresh": ["*"] }))
    );
    let after = marks(&run, "bookmark_after");
    for table in &TABLES[1..] {
        let stream = format!("public-{table}");
        assert_eq!(after[&stream].to_string(), first[&stream].to_string());
    }
    assert_ne!(after["public-a"], first["public-a"]);

    // The next sync reads what is new of the others, and of the first what it reads again by its own rule.
    project.spile(&["sync", "shop"]).succeeds();
    let run = project.newest_run();
    let read: u64 = run["streams"].as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum();
    assert!(read < 20, "{run:#}");

    // One stream from its beginning, all others from their bookmarks.
    grow(server, "streams", rows + 2);
    project.spile(&["sync", "shop", "--full-refresh=public-b"]).succeeds();
    let run = project.newest_run();
    assert_eq!(run["streams"]["public-b"], rows + 2, "{run:#}");
    assert!(run["streams"]["public-a"].as_u64().unwrap() < 10, "{run:#}");
    assert_eq!(run["details"]["filter"], json!({ "refresh": ["public-b"] }));
}

#[test]
fn a_stream_that_is_not_there_or_not_selected_is_refused_before_anything_is_read() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server, "streams_refused", ROWS);
    let text = project.read("integrations/shop.toml").replace("'public-*.*'", "'public-*.*', '!public-e.*'");
    project.write("integrations/shop.toml", &text);
    project.spile(&["sync", "shop"]).succeeds();
    let runs = |words: &[&str]| {
        let ran = project.spile(&[&["sync", "shop"], words].concat()).fails();
        format!("{}{}", ran.stdout(), ran.stderr())
    };
    let text = runs(&["--stream", "public-f"]);
    assert!(text.contains("the source offers no stream that matches `public-f`: did you mean `public-"), "{text}");
    let text = runs(&["--stream", "public-a", "--stream", "public-e"]);
    assert!(text.contains("`public-e` is not selected: add it to `select`"), "{text}");
    let text = runs(&["--full-refresh=orders"]);
    assert!(text.contains("the source offers no stream that matches `orders`"), "{text}");
    let run = project.newest_run();
    assert_eq!((&run["cause"], &run["records"]), (&json!("missing_stream"), &json!(0)), "{run:#}");
}
