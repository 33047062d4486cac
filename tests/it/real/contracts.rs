//! Contracts of sources: changes in a real Postgres, and which of them arrive with each word of `[schema]`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::catalogs::Source;
use crate::cli::schemas::holds;
use crate::http::Server;
use crate::project::{Project, things, with_sources};
use crate::supabase::postgres::Postgres;

const DATABASE: &str = "contracts";

/// The tables, each of which changes in its own way.
const TABLES: [&str; 4] = ["adds", "drops", "retypes", "renames"];

/// The changes of the source; each table gets a fourth row.
const CHANGE: &str = "
    alter table adds add column reason text; insert into adds values (4, 4, 'w', 'new');
    alter table drops drop column why; insert into drops values (4, 4);
    alter table retypes alter column n type text; insert into retypes values (4, 'four', 'w');
    alter table renames rename column why to reason; insert into renames values (4, 4, 'w');
    create table fresh(id int primary key); insert into fresh values (1), (2);
    grant select on fresh to shop;";

/// A source with four tables of three rows.
fn tables(postgres: &Postgres) {
    postgres.sql("postgres", &format!("create database {DATABASE}")).unwrap();
    for table in TABLES {
        let make = format!(
            "create table {table}(id int primary key, n int, why text);
             insert into {table} select g, g, 'w' || g from generate_series(1, 3) g; grant select on {table} to shop;"
        );
        postgres.sql(DATABASE, &make).unwrap();
    }
}

/// Declares an integration that reacts to every change in the same way, and syncs incrementally by `id`; its records go
/// to a folder of its own.
fn declare(project: &Project, port: u16, slug: &str, select: &str, word: &str) {
    let text = format!(
        "type = 'postgres'\nloader = '{slug}-files'\nselect = ['public-{select}.*']\n\n[schema]\nnew_streams = '{word}'\n\
         new_columns = '{word}'\nremoved_columns = '{word}'\ntype_changes = '{word}'\n\n[config]\nhost = '127.0.0.1'\n\
         port = {port}\nuser = 'shop'\ndatabase = '{DATABASE}'\nfilter_schemas = ['public']\n\n\
         [metadata.'public-*']\nreplication-method = 'INCREMENTAL'\nreplication-key = 'id'\n"
    );
    project.write(&format!("integrations/{slug}.toml"), &text);
    project.write(
        &format!("integrations/{slug}-files.toml"),
        &format!(
            "type = 'jsonl'\nkind = 'loader'\n[config]\ndestination_path = 'output/{slug}'\ndo_timestamp_file = false\n"
        ),
    );
    project.spile_with(&["secrets", "set", slug, "password", "--stdin"], "hunter2").succeeds();
}

/// Returns the rows of a table that arrived, each as its columns; empty if there is no file.
fn arrived(project: &Project, slug: &str, table: &str) -> Vec<Vec<String>> {
    let path = project.path().join(format!("output/{slug}/public-{table}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let columns = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let mut names: Vec<String> = row.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    text.lines().map(columns).collect()
}

/// Returns how many rows of a table arrived, and the columns that all of them have.
fn shape(project: &Project, slug: &str, table: &str) -> (usize, String) {
    let rows = arrived(project, slug, table);
    let columns = rows.first().cloned().unwrap_or_default();
    assert!(rows.iter().all(|row| *row == columns), "{slug} {table}: {rows:?}");
    (rows.len(), columns.join(" "))
}

fn shapes(project: &Project, slug: &str) -> Vec<(usize, String)> {
    TABLES.iter().chain(&["fresh"]).map(|table| shape(project, slug, table)).collect()
}

fn clear(project: &Project) {
    std::fs::remove_dir_all(project.path().join("output")).unwrap();
}

fn rows(wanted: [(usize, &str); 5]) -> Vec<(usize, String)> {
    wanted.map(|(count, columns)| (count, columns.to_owned())).to_vec()
}

const FAILING: [(&str, &str, &str); 4] = [
    ("fail-add", "adds", "`public-adds` has a new column `reason` (null, string)"),
    ("fail-drop", "drops", "`public-drops` no longer has the column `why` (null, string)"),
    ("fail-retype", "retypes", "`public-retypes.n` was `integer, null` and is now `null, string`"),
    (
        "fail-rename",
        "renames",
        "`public-renames` no longer has the column `why` (null, string); it may now be called `reason`",
    ),
];

/// Checks what is reported about the changed source.
fn changes_are_told(project: &Project) {
    let shown = project.json(&["discover", "ask", "--changes", "--refresh"]);
    holds("changes", &shown);
    let changes = shown["steps"][0]["changes"].as_array().unwrap();
    let told: Vec<_> =
        changes.iter().map(|one| (one["stream"].as_str().unwrap(), one["kind"].as_str().unwrap())).collect();
    let wanted = [
        ("public-adds", "new_column"),
        ("public-drops", "removed_column"),
        ("public-fresh", "new_stream"),
        ("public-renames", "removed_column"),
        ("public-renames", "new_column"),
        ("public-retypes", "type_change"),
    ];
    assert_eq!(told, wanted, "{shown:#}");
    assert_eq!(changes[4]["may_be_rename_of"], "why");
    let empty = "existing rows keep `reason` empty until `spile sync ask --full-refresh`";
    assert_eq!(changes[0]["consequence"], empty);
}

#[test]
fn changes_of_a_postgres_are_taken_asked_about_or_fail() {
    let Some(postgres) = Postgres::shared() else { return };
    tables(postgres);
    let project = with_sources();
    project.write("spile.toml", "[project]\nname = 'real'\n[sync]\ncatalog = 'always'\n");
    project.spile(&["secrets", "init"]).succeeds();
    declare(&project, postgres.port, "take", "*", "take");
    declare(&project, postgres.port, "ask", "*", "ask");
    for (slug, table, _) in FAILING {
        declare(&project, postgres.port, slug, table, "fail");
    }
    project.spile(&["apply", "--yes"]).succeeds();

    // Nobody has accepted the source yet.
    let refused = project.spile(&["sync", "ask"]).fails().stdout();
    assert!(refused.contains("schema_changed") && refused.contains("spile discover ask --accept"), "{refused}");
    let accepted = project.spile(&["discover", "ask", "--accept", "--yes"]).succeeds().stdout();
    assert!(accepted.contains("contracts/ask.dev.toml: 4 streams"), "{accepted}");
    let contract = project.read("contracts/ask.dev.toml");
    assert!(
        contract.contains("[streams.public-adds]\nprimary_key = [\"id\"]\ncolumns.id = \"integer\"\n"),
        "{contract}"
    );
    for (slug, ..) in FAILING {
        project.write(&format!("contracts/{slug}.dev.toml"), &contract);
    }

    project.spile(&["sync", "take", "ask"]).succeeds();
    let all = rows([(3, "id n why"), (3, "id n why"), (3, "id n why"), (3, "id n why"), (0, "")]);
    assert_eq!((shapes(&project, "take"), shapes(&project, "ask")), (all.clone(), all));

    postgres.sql(DATABASE, CHANGE).unwrap();
    changes_are_told(&project);

    clear(&project);
    let slugs = FAILING.map(|(slug, ..)| slug);
    let ran = project.spile(&[&["sync", "take", "ask", "--format", "json"], &slugs[..]].concat()).fails();
    let results: Value = serde_json::from_slice(&ran.0.stdout).unwrap();
    let run = |slug: &str| {
        let runs = results["runs"].as_array().unwrap();
        runs.iter().find(|run| run["slug"] == slug).unwrap_or_else(|| panic!("{slug}: {results:#}")).clone()
    };
    // The bookmark was at the third row, which is read once more.
    assert_eq!(
        shapes(&project, "take"),
        rows([(2, "id n reason why"), (2, "id n"), (2, "id n why"), (2, "id n reason"), (2, "id")])
    );
    assert_eq!((run("take")["status"].clone(), run("take")["cause"].clone()), (json!("ok"), Value::Null));
    assert_eq!(shapes(&project, "ask"), rows([(2, "id n why"), (2, "id n"), (0, ""), (2, "id n"), (0, "")]));
    let asked = run("ask");
    assert_eq!((&asked["status"], &asked["cause"]), (&json!("warning"), &json!("schema_changed")), "{asked:#}");
    let error = asked["error"].as_str().unwrap();
    assert!(error.contains("`public-adds` has a new column `reason` (null, string) (left out)"), "{error}");
    assert!(error.contains("(the stream is skipped)"), "{error}");
    for (slug, table, why) in FAILING {
        let failed = run(slug);
        let told = (&failed["status"], &failed["cause"], &failed["records"]);
        assert_eq!(told, (&json!("failed"), &json!("schema_changed"), &json!(0)), "{failed:#}");
        assert!(failed["error"].as_str().unwrap().contains(why), "{slug}: {failed:#}");
        assert_eq!(arrived(&project, slug, table), Vec::<Vec<String>>::new());
    }

    // Streams that were held back continue from their bookmarks.
    project.spile(&["discover", "ask", "--accept", "--yes"]).succeeds();
    assert!(project.spile(&["discover", "ask", "--changes"]).succeeds().stdout().contains("matches its contract"));
    clear(&project);
    project.spile(&["sync", "ask"]).succeeds();
    assert_eq!(project.newest_run()["status"], "ok");
    assert_eq!(
        shapes(&project, "ask"),
        rows([(1, "id n reason why"), (1, "id n"), (2, "id n why"), (1, "id n reason"), (2, "id")])
    );
}

#[test]
fn a_contract_is_checked_without_a_sync_and_changes_are_notified() {
    let source = Source::new("['orders.*']");
    source.project.write("integrations/things.toml", &format!("{}\n[schema]\nnew_columns = 'ask'\n", things("source")));
    let missing = source.runs(&["check"]).succeeds().stdout();
    assert!(missing.contains("`contracts/things.dev.toml` is missing"), "{missing}");
    assert!(missing.contains("run `spile discover things --accept`"), "{missing}");
    source.runs(&["check", "--strict"]).fails();
    let declined = source.runs(&["discover", "things", "--accept"]).fails();
    assert!(!source.project.path().join("contracts").exists(), "{}", declined.stderr());
    source.runs(&["discover", "things", "--accept", "--yes"]).succeeds();
    source.runs(&["check", "--strict"]).succeeds();
    assert!(source.runs(&["discover", "--due"]).succeeds().stdout().contains("no contract is due"));

    source.offers(&super::catalogs::grown());
    source.settings("catalog = 'always'");
    let due = source.runs(&["discover", "--due"]).fails().stdout();
    assert!(due.contains("things: 2 changes") && due.contains("`orders` has a new column `reason`"), "{due}");
    assert_eq!(source.project.json(&["runs"])["runs"], json!([]), "no record has moved");
    let plan = source.project.json(&["plan"]);
    holds("plan", &plan);
    let changes = plan["sources"][0]["changes"].as_array().unwrap();
    let told: Vec<_> = changes.iter().map(|one| (&one["kind"], &one["column"], &one["action"])).collect();
    let wanted =
        [(&json!("new_column"), &json!("reason"), &json!("ask")), (&json!("new_stream"), &Value::Null, &json!("take"))];
    assert_eq!(told, wanted, "{plan:#}");
    let shown = source.runs(&["plan"]).succeeds().stdout();
    assert!(shown.contains("the source of `things` has changed:") && shown.contains("keep `reason` empty"), "{shown}");
    let comment = source.runs(&["plan", "--format", "markdown"]).succeeds().stdout();
    assert!(comment.contains("the source has changed (1)") && comment.contains("<code>reason</code>"), "{comment}");
    let waits = |word: &str| source.runs(&["notify", "list"]).succeeds().stdout().contains(word);
    assert!(waits("its source has changed: `orders` has a new column `reason`"));

    source.runs(&["discover", "things", "--accept", "--yes"]).succeeds();
    source.runs(&["discover", "--due"]).succeeds();
    assert_eq!(source.project.json(&["plan"])["sources"], Value::Null);
    assert!(!waits("its source has changed"), "it ends when it is accepted");
}

/// A page shows the changes and the API accepts them: a new column is left out, and then everything else is accepted.
#[tokio::test]
async fn changes_in_a_source_are_left_out_and_accepted_by_page_and_api() {
    let source = Source::new("['orders.*']");
    let text = format!("{}\n[schema]\nnew_columns = 'ask'\nnew_streams = 'ask'\n", things("source"));
    source.project.write("integrations/things.toml", &text);
    source.runs(&["discover", "things", "--accept", "--yes"]).succeeds();
    source.offers(&super::catalogs::grown());
    source.runs(&["discover", "things", "--refresh"]).succeeds();
    let server = Server::start(|words| source.project.command(words), &[]);
    let told = server.get("/api/contracts?integration=things").await;
    let changes = told["changes"]["steps"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.iter().map(|one| &one["kind"]).collect::<Vec<_>>(), ["new_column", "new_stream"], "{told:#}");
    let browser = server.browser().await;
    let page = browser.page("/integrations/things/streams").await;
    assert!(page.contains("The source has changed") && page.contains("Accept these changes"), "{page}");
    assert!(page.contains("keep <code>reason</code> empty until"), "{page}");
    assert!(page.contains("orders<span") && !page.contains("reason</span>"), "{page}");
    let page = browser.page("/integrations/things/streams?q=ord&stream=orders").await;
    assert!(page.contains("<span class=\"mono\">reason</span>") && page.contains("hide its fields"), "{page}");
    let page = browser.page("/integrations/things/streams?q=nothing-like-it").await;
    assert!(page.contains("No stream matches"), "{page}");
    let at = told["discovered_at"].as_str().unwrap();
    let seen = [("wish", "leave_out"), ("at", at), ("stream", "orders"), ("column", "reason")];
    let goes = browser.goes("/integrations/things/contract", &seen).await;
    assert_eq!(goes, "/integrations/things/streams?did=saved");
    let file = source.project.read("integrations/things.toml");
    assert!(file.contains("\"*.*\"") && file.contains("\"!orders.reason\""), "{file}");
    let told = server.get("/api/contracts?integration=things").await;
    assert_eq!(told["changes"]["steps"][0]["changes"].as_array().unwrap().len(), 1, "{told:#}");

    let accept = |at: &str| json!({ "integration": "things", "discovered_at": at });
    let path = "/api/contracts";
    let stale = server.send(Method::POST, path, &accept("2026-01-01T00:00:00Z"), StatusCode::CONFLICT).await;
    assert_eq!(stale["code"], "spile::http::precondition");
    server.send(Method::POST, path, &accept(at), StatusCode::OK).await;
    assert!(source.project.read("contracts/things.dev.toml").contains("[streams.refunds]"));
    let told = server.get("/api/contracts?integration=things").await;
    assert_eq!(told["changes"]["steps"][0]["changes"], json!([]));
}
