//! Bookmarks, shown and changed through the API and on the page of their integration.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, StatusCode};
use rusqlite::{Connection, params};
use serde_json::json;

use super::{Server, json as answered};
use crate::folder::Folder;

const ID: &str = "dev:tap-singer-jsonl--fruit-to-target-jsonl--lake";
const STATE: &str = r#"{"bookmarks": {"a b": {"id": 5}, "c": {"id": 7.0}}}"#;

/// A project whose state Meltano keeps.
fn project() -> Folder {
    let folder = Folder::project();
    spile_world::files::door::make_private(&folder.join(".meltano")).unwrap();
    let database = Connection::open(folder.join(".meltano/meltano.db")).unwrap();
    let tables = "create table runs (run_id, state, ended_at, payload); \
                  create table state (state_id primary key, partial_state, completed_state, updated_at)";
    database.execute_batch(tables).unwrap();
    let values = params![ID, format!("{{\"singer_state\": {STATE}}}")];
    database.execute("insert into state values (?1, '{}', ?2, 'then')", values).unwrap();
    folder
}

/// What Meltano's database holds, to the byte.
fn kept(folder: &Folder) -> String {
    let database = Connection::open(folder.join(".meltano/meltano.db")).unwrap();
    let kept: String = database.query_row("select completed_state from state", [], |row| row.get(0)).unwrap();
    kept.strip_prefix("{\"singer_state\": ").unwrap().strip_suffix('}').unwrap().to_owned()
}

#[tokio::test]
async fn bookmarks_are_shown_changed_and_restored_through_the_api() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let path = "/api/integrations/fruit/state";
    let shown = server.get(path).await;
    assert_eq!(shown["bookmarks"][1]["value"], 7.0, "{shown}");
    let clear = json!({ "action": "clear", "streams": ["a b"] });
    let planned = server.send(Method::POST, &format!("{path}?dry_run=true"), &clear, StatusCode::OK).await;
    assert_eq!((&planned["plan"]["changes"][0]["change"], &planned["change"]), (&json!("removed"), &json!(null)));
    assert_eq!(kept(&folder), STATE);
    let made = server.send(Method::POST, path, &clear, StatusCode::OK).await;
    assert_eq!(kept(&folder), r#"{"bookmarks": {"c": {"id": 7.0}}}"#);
    let change = made["change"]["id"].clone();
    let history = server.get(&format!("{path}/history?limit=5")).await;
    assert_eq!(
        (&history["history"][0]["id"], &history["history"][0]["actor"]),
        (&change, &json!("tests")),
        "{history}"
    );
    let audit = server.get("/api/audit?integration=fruit").await;
    assert!(audit.to_string().contains(change.as_str().unwrap()), "{audit}");
    server.send(Method::POST, path, &json!({ "action": "undo", "change": change }), StatusCode::OK).await;
    assert_eq!(kept(&folder), STATE, "to the byte");
    for (body, status, code) in [
        (
            json!({ "action": "set", "stream": "c", "value": "x" }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "spile::state::value",
        ),
        (json!({ "action": "clear", "streams": ["d"] }), StatusCode::UNPROCESSABLE_ENTITY, "spile::state::no_stream"),
        (json!({ "action": "restore", "to": "ffffffff" }), StatusCode::NOT_FOUND, "spile::state::unknown"),
        (json!({ "action": "copy", "from": "nothing" }), StatusCode::NOT_FOUND, "spile::integration::unknown"),
    ] {
        let refused = server.send(Method::POST, path, &body, status).await;
        assert_eq!(refused["code"], code, "{refused}");
    }
    assert_eq!(kept(&folder), STATE);
    let made = folder.command("tokens new looker --role viewer").output().unwrap();
    let looker = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let may_look = server.bare(Method::GET, path).bearer_auth(&looker);
    answered(may_look, StatusCode::OK).await;
    let may_not = server.bare(Method::POST, path).bearer_auth(&looker).json(&clear);
    assert_eq!(answered(may_not, StatusCode::FORBIDDEN).await["code"], "spile::http::role");
    assert_eq!(kept(&folder), STATE);
}

#[tokio::test]
async fn the_page_shows_bookmarks_and_asks_before_it_clears_one() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let page = browser.page("/integrations/fruit").await;
    let link = "/integrations/fruit/bookmarks?stream=a+b";
    assert!(page.contains("id=\"bookmarks\"") && page.contains(&format!("href=\"{link}\"")), "{page}");
    let asked = browser.page(link).await;
    assert!(asked.contains("reads everything again"), "{asked}");
    assert_eq!(kept(&folder), STATE, "a question changes nothing");
    let to = browser.goes("/integrations/fruit/bookmarks", &[("stream", "a b")]).await;
    assert_eq!(to, "/integrations/fruit?did=cleared");
    assert_eq!(kept(&folder), r#"{"bookmarks": {"c": {"id": 7.0}}}"#);
    browser.refused("/integrations/fruit/bookmarks", &[("stream", "a b")]).await;
    assert!(!browser.page("/integrations/fruit").await.contains("a+b"));
}

#[tokio::test]
async fn a_server_that_is_read_only_changes_no_bookmark() {
    let folder = project();
    let server = Server::of_folder(&folder, &["--read-only"]);
    let clear = json!({ "action": "clear" });
    let refused = server.send(Method::POST, "/api/integrations/fruit/state", &clear, StatusCode::FORBIDDEN).await;
    assert_eq!(refused["code"], "spile::http::read_only");
    assert_eq!(kept(&folder), STATE);
}

#[tokio::test]
async fn the_api_shows_choices_that_nothing_has_carried_out() {
    let folder = project();
    let text = std::fs::read_to_string(folder.join("integrations/fruit.toml")).unwrap();
    std::fs::write(folder.join("integrations/fruit.toml"), format!("forward_only = ['a*']\n{text}")).unwrap();
    let server = Server::of_folder(&folder, &[]);
    let path = "/api/integrations/fruit";
    let shown = server.get(path).await["integration"].clone();
    let open = json!({ "next_apply": { "forward_only": ["a*"] }, "next_sync": [] });
    assert_eq!(shown["choices"], open, "{shown}");
    let listed = server.get("/api/integrations").await;
    assert!(listed["integrations"].as_array().unwrap().iter().all(|one| one["choices"].is_null()), "{listed}");

    let etag = || async { server.ask(Method::GET, path).send().await.unwrap().headers()["etag"].clone() };
    let before = etag().await;
    let change = json!({
        "id": "0b8a4c4e-6f0e-4f0c-9d0e-5a7f4b0c1d21", "integration": shown["id"], "slug": "fruit", "environment": "dev",
        "state_id": ID, "at": "2026-01-01T00:00:00Z", "actor": "ada", "host": "here", "action": "resync c",
        "before": STATE, "after": r#"{"bookmarks": {"a b": {"id": 5}}}"#,
        "choice": { "plan": "abc", "kind": "resync", "streams": ["c"] },
    });
    let changes = folder.join(".spile/state_changes");
    std::fs::create_dir_all(&changes).unwrap();
    let file = changes.join("0b8a4c4e-6f0e-4f0c-9d0e-5a7f4b0c1d21.json");
    std::fs::write(&file, change.to_string()).unwrap();
    for path in [folder.join(".spile"), changes] {
        spile_world::files::door::make_private(&path).unwrap();
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shown = server.get(path).await["integration"].clone();
    let one = &shown["choices"]["next_sync"][0];
    assert_eq!(
        (&one["kind"], &one["streams"], &one["plan"]),
        (&json!("resync"), &json!(["c"]), &json!("abc")),
        "{shown}"
    );
    assert_ne!(etag().await, before);
}
