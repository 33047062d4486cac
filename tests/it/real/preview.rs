//! The first records of a source, from a real Postgres into a real DuckDB file.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::project::{Project, with_sources};
use crate::real::sources::{password, shop};
use crate::supabase::postgres::Postgres;

/// Creates a small table, a large one with a column `password`, and a view that counts how many rows of the large one are
/// read. In the order of the tap, the small one is last.
fn customers(postgres: &Postgres, name: &str) {
    postgres.sql("postgres", &format!("create database {name}")).unwrap();
    let tables = "create table customers(id int primary key, name text, password text, note text);
         insert into customers select g, 'c' || g, 'hunter-' || g, 'postgres://me:hunter-' || g || '@db/x'
           from generate_series(1, 10000) g;
         create sequence reads;
         create view counted as select id, name, nextval('reads') as at from customers;
         create table tiny(id int primary key, label text);
         insert into tiny values (1, 'one'), (2, 'two');
         create table void(id int primary key);
         grant select on customers, counted, tiny, void to shop; grant usage on sequence reads to shop;";
    postgres.sql(name, tables).unwrap();
}

fn project(postgres: &Postgres, database: &str) -> Project {
    customers(postgres, database);
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, database, "public-*.*");
    let text = project.read("integrations/shop.toml");
    let (text, _) = text.split_once("[metadata").unwrap();
    project.write("integrations/shop.toml", text);
    password(&project, "hunter2");
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// Returns the rows of a query to the file, as JSON.
fn rows(project: &Project, question: &str) -> Value {
    let python = project.path().join(".meltano/loaders/target-duckdb/venv/bin/python");
    let ask = format!(
        "import duckdb, json; print(json.dumps(duckdb.connect('.spile/preview/shop.duckdb').sql(\"{question}\").fetchall()))"
    );
    let said = Command::new(python).args(["-c", &ask]).current_dir(project.path()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

fn stream<'a>(previewed: &'a Value, name: &str) -> &'a Value {
    previewed["streams"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["stream"] == name)
        .unwrap_or_else(|| panic!("{name} is missing: {previewed:#}"))
}

#[test]
fn a_preview_reads_some_records_of_each_stream_masks_secrets_and_leaves_the_run_history_alone() {
    let Some(postgres) = Postgres::shared() else { return };
    let project = project(postgres, "previewed");
    project.spile(&["sync", "shop", "--stream", "public-tiny"]).succeeds();
    let before = (project.json(&["status"]), project.json(&["runs"]), project.read("output/public-tiny.jsonl"));
    let would = project.json(&["sync", "--dry-run"]);

    let previewed = project.json(&["sync", "shop", "--preview", "5"]);
    crate::cli::schemas::holds("preview", &previewed);
    assert_eq!((&previewed["limit"], &previewed["complete"]), (&json!(5), &json!(true)));
    let count = |name: &str| stream(&previewed, name)["records"].as_array().unwrap().len();
    let counts = ["public-customers", "public-counted", "public-tiny", "public-void"].map(count);
    assert_eq!(counts, [5, 5, 2, 0], "{previewed:#}");
    let first = &stream(&previewed, "public-customers")["records"][0];
    assert_eq!(*first, json!({ "id": 1, "name": "c1", "password": "***", "note": "***" }));

    let (file, folder) = (project.path().join(".spile/preview/shop.duckdb"), project.path().join(".spile/preview"));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder)), (0o600, 0o700));
    let stored = rows(&project, "select id, password, note from public_customers order by id");
    assert_eq!(stored, json!((1..=5).map(|id| json!([id, "***", "***"])).collect::<Vec<_>>()));
    assert_eq!(rows(&project, "select count(*) from public_tiny"), json!([[2]]));
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(7).any(|piece| piece == b"hunter-"), "a secret is in the file");

    let reads: u64 = postgres.sql("previewed", "select last_value from reads").unwrap().parse().unwrap();
    assert!((5..5000).contains(&reads), "{reads} of 10000 rows were read");

    let after = (project.json(&["status"]), project.json(&["runs"]), project.read("output/public-tiny.jsonl"));
    assert_eq!(after, before);
    assert_eq!(project.json(&["sync", "--dry-run"]), would, "bookmarks stay");
    assert!(!project.path().join("output/public-customers.jsonl").exists(), "the loader was used");
    // A sync after it reads everything.
    project.spile(&["sync", "shop", "--stream", "public-customers"]).succeeds();
    assert_eq!(project.read("output/public-customers.jsonl").lines().count(), 10_000);
}

#[test]
fn a_preview_of_one_stream_replaces_the_file_and_text_shows_tables() {
    let Some(postgres) = Postgres::shared() else { return };
    let project = project(postgres, "previewed_again");
    project.spile(&["sync", "shop", "--preview", "1"]).succeeds();
    let shown = project.spile(&["sync", "shop", "--preview", "3", "--stream", "public-cust*"]).succeeds().stdout();
    assert!(shown.contains("public-customers  3 records") && shown.contains("***"), "{shown}");
    assert!(shown.contains("saved in .spile/preview/shop.duckdb, 2 columns masked"), "{shown}");
    assert!(!shown.contains("hunter") && !shown.contains("tiny"), "{shown}");
    let tables = rows(&project, "select table_name from information_schema.tables");
    assert_eq!(tables, json!([["public_customers"]]));
    let refused = project.spile(&["sync", "shop", "--preview", "3", "--stream", "public-nothing"]).fails();
    assert!(
        refused.stderr().contains("the source offers no stream that matches `public-nothing`"),
        "{}",
        refused.stderr()
    );
    project.spile(&["sync", "files", "--preview", "3"]).fails();
    for words in [vec!["sync", "--preview", "3"], vec!["sync", "shop", "--preview", "3", "--full-refresh"]] {
        assert_eq!(project.spile(&words).0.status.code(), Some(64), "{words:?}");
    }
}

#[test]
fn a_plan_previews_the_sources_that_it_changes_and_shows_no_value() {
    let Some(postgres) = Postgres::shared() else { return };
    let project = project(postgres, "plan_previewed");
    let unchanged = project.json(&["plan", "--preview=3"]);
    assert!(unchanged["previews"].is_null(), "{unchanged:#}");
    let text = project.read("integrations/shop.toml");
    project.write("integrations/shop.toml", &text.replace("public-*.*", "public-tiny.*"));
    let untrusted = project.spile(&["plan", "--untrusted", "--preview=3"]).succeeds().stdout();
    assert!(untrusted.contains("no preview of `shop`: `--untrusted` starts no program"), "{untrusted}");
    assert!(!project.path().join(".spile/preview").exists());

    let plan = project.json(&["plan", "--preview=3"]);
    crate::cli::schemas::holds("plan", &plan);
    let preview = &plan["previews"][0];
    assert_eq!((&preview["slug"], &preview["problem"]), (&json!("shop"), &Value::Null), "{preview:#}");
    assert_eq!(
        preview["streams"],
        json!([
            { "stream": "public-tiny", "records": 2, "columns": ["id", "label"], "masked": [] }
        ])
    );
    assert!(!plan.to_string().contains("\"two\""), "{plan:#}");
    assert_eq!(rows(&project, "select count(*) from public_tiny"), json!([[2]]));
    let markdown = project.spile(&["plan", "--preview", "--format", "markdown"]).succeeds().stdout();
    assert!(markdown.contains("- `public-tiny`&#58; 2 records, 2 columns\n"), "{markdown}");
    assert!(markdown.contains(".spile/preview/shop.duckdb"), "{markdown}");

    // Without the key, the plan says why there is none, and does not fail.
    let keys = project.path().join("config");
    std::fs::rename(&keys, project.path().join("away")).unwrap();
    let plan = project.json(&["plan", "--preview"]);
    assert!(plan["previews"][0]["problem"].is_string(), "{plan:#}");
}

#[test]
fn a_preview_of_a_source_with_a_contract_shows_only_what_was_accepted() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = "previewed_under_contract";
    let project = project(postgres, database);
    let text = project.read("integrations/shop.toml");
    let schema = |types: &str| {
        let schema =
            format!("[schema]\nnew_streams = 'ask'\nnew_columns = 'ask'\ntype_changes = '{types}'\n\n[config]");
        project.write("integrations/shop.toml", &text.replace("[config]", &schema));
    };
    schema("fail");
    let before = project.json(&["sync", "shop", "--preview", "1"]);
    assert_eq!((&before["left_out"], stream(&before, "public-tiny")["table"].is_null()), (&Value::Null, false));
    project.spile(&["discover", "shop", "--accept", "--yes"]).succeeds();
    let accepted = project.json(&["sync", "shop", "--preview", "1"]);
    crate::cli::schemas::holds("preview", &accepted);
    assert_eq!(accepted["left_out"], Value::Null, "{accepted:#}");

    let change = "alter table tiny add column salary int; create table fresh(id int primary key);
         insert into fresh values (1); grant select on fresh to shop;";
    postgres.sql(database, change).unwrap();
    let previewed = project.json(&["sync", "shop", "--preview", "1"]);
    crate::cli::schemas::holds("preview", &previewed);
    let columns: Vec<&str> = stream(&previewed, "public-tiny")["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["column"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["id", "label"], "{previewed:#}");
    let left_out = previewed["left_out"].as_str().unwrap();
    assert!(left_out.contains("salary") && left_out.contains("public-fresh"), "{left_out}");
    assert!(previewed["streams"].as_array().unwrap().iter().all(|one| one["stream"] != "public-fresh"));
    let shown = project.spile(&["sync", "shop", "--preview", "1"]).succeeds().stdout();
    assert!(shown.contains("note: the source has changed: "), "{shown}");

    postgres.sql(database, "alter table tiny alter column label type int using 1").unwrap();
    let refused = project.spile(&["sync", "shop", "--preview", "1"]).fails().stderr();
    assert!(
        refused.contains("spile::preview::contract") && refused.contains("spile discover shop --accept"),
        "{refused}"
    );
}
