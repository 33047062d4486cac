//! Runs of the real Meltano, started and followed over the API.

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Server;
use crate::project::{FRUIT, LOADER, Project};

const RECORDS: &str = concat!(
    r#"{"type":"SCHEMA","stream":"fruit","key_properties":["id"],"schema":{"properties":{"id":{"type":"integer"}}}}"#,
    "\n",
    r#"{"type":"RECORD","stream":"fruit","record":{"id":1}}"#,
    "\n"
);

fn project() -> Project {
    let project = Project::new();
    project.write("integrations/files.toml", LOADER);
    project.write("integrations/fruit.toml", FRUIT);
    project.write("data/fruit.singer.jsonl", RECORDS);
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

#[tokio::test]
async fn a_test_and_a_sync_really_run_and_their_log_can_be_followed() {
    let project = project();
    let server = Server::start(|words| project.command(words), &[]);
    let post = |path: &'static str, status| server.send(Method::POST, path, &Value::Null, status);
    let tested = post("/api/integrations/fruit/test", StatusCode::OK).await;
    assert_eq!((tested["success"].clone(), tested["message"].clone()), (json!(true), json!("the connection works")));
    let begun = post("/api/integrations/fruit/sync", StatusCode::ACCEPTED).await;
    assert_eq!(begun["run"]["status"], "running");
    let id = begun["run"]["id"].as_str().unwrap().to_owned();
    let busy = post("/api/integrations/fruit/sync?wait=1", StatusCode::CONFLICT).await;
    assert_eq!(busy["code"], "spile::run::busy");
    let events = server.ask(Method::GET, &format!("/api/runs/{id}/logs")).header(ACCEPT, "text/event-stream");
    let events = events.send().await.unwrap().text().await.unwrap();
    assert!(events.contains("event: ended") && events.contains("\"status\":\"ok\""), "{events}");
    let run = server.get(&format!("/api/runs/{id}")).await;
    assert_eq!((run["run"]["status"].clone(), run["run"]["records"].clone()), (json!("ok"), json!(1)));
    let page = server.browser().await.page(&format!("/runs/{id}")).await;
    let count = |count: u8| format!("<td class=\"number\"><data value=\"{count}\">{count}</data></td>");
    let table = "<td><code>output&#x2f;fruit.jsonl</code></td>";
    let row = format!("<tr><td>fruit</td>{}{table}{}{}", count(1), count(0), count(1));
    assert!(page.contains(&row), "{page}");
    let applied = project.json(&["history"])["applies"][0]["plan"].as_str().unwrap().to_owned();
    for shown in [
        format!("<dt>Plan</dt><dd>{applied}, applied "),
        "tap_singer_jsonl ".to_owned(),
        "<dt>State ID</dt>".to_owned(),
    ] {
        assert!(page.contains(&shown), "{shown}: {page}");
    }
    let log = server.get(&format!("/api/runs/{id}/logs")).await;
    assert!(!log["lines"].as_array().unwrap().is_empty());
    let waited = post("/api/integrations/fruit/sync?wait=90", StatusCode::OK).await;
    assert_eq!(waited["success"], true, "{waited}");
    assert_eq!(server.get("/api/runs?integration=fruit").await["runs"].as_array().unwrap().len(), 3);
    assert_eq!(server.get("/api/integrations/fruit").await["integration"]["status"], "active");
    assert!(server.stop().success());
}

#[tokio::test]
async fn a_failure_links_to_the_field_that_fixes_it() {
    let project = Project::with_fault("fail");
    let text = crate::project::things("fail") + "token = '$FAULT_TOKEN'\n";
    project.write("integrations/things.toml", &text);
    project.write(".env", "FAULT_TOKEN=run-out-long-ago\n");
    project.spile(&["apply", "--yes"]).succeeds();
    let server = Server::start(|words| project.command(words), &[]);
    let browser = server.browser().await;
    let run = browser.goes("/integrations/things/sync", &[]).await;
    assert!(run.starts_with("/runs/"), "{run}");
    let page = loop {
        let page = browser.page(&run).await;
        if !page.contains("data-live=\"runs run\"") {
            break page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    };
    assert!(page.contains("failed") && page.contains("things&#x2f;settings#secrets.token-field"), "{page}");
    assert!(page.contains("access token has expired"), "{page}");
    let settings = browser.page("/integrations/things/settings").await;
    assert!(settings.contains("id=\"secrets.token-field\"") && settings.contains("value=\"fail\""), "{settings}");
    let etag =
        settings.split("name=\"etag\" value=\"").nth(1).unwrap().split('"').next().unwrap().replace("&quot;", "\"");
    let fields = [("etag", etag.as_str()), ("loader", "files"), ("name", "things"), ("config.mode", "well")];
    assert_eq!(browser.goes("/integrations/things/settings", &fields).await, "/integrations/things/settings?did=saved");
    let text = project.read("integrations/things.toml");
    assert!(text.contains("mode = 'well'") || text.contains("mode = \"well\""), "{text}");
    assert!(text.contains("token = '$FAULT_TOKEN'"), "a variable in place of a secret stays: {text}");
    let mended = server.send(Method::POST, "/api/integrations/things/sync?wait=90", &Value::Null, StatusCode::OK).await;
    assert_eq!(mended["success"], true, "{mended}");
}

/// A project with a sync that hangs until it is stopped, and one that ends.
fn hanging() -> Project {
    let project = Project::with_fault("hang");
    project.write("integrations/fruit.toml", FRUIT);
    project.write("data/fruit.singer.jsonl", RECORDS);
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// Waits until a run has ended, and returns the events of its log.
async fn followed(server: &Server, id: &str) -> String {
    let events = server.ask(Method::GET, &format!("/api/runs/{id}/logs")).header(ACCEPT, "text/event-stream");
    events.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_second_run_of_an_integration_is_refused_everywhere() {
    let project = hanging();
    let server = Server::start(|words| project.command(words), &[]);
    let browser = server.browser().await;
    server.send(Method::POST, "/api/integrations/things/sync", &Value::Null, StatusCode::ACCEPTED).await;
    let page = browser.refused("/integrations/things/sync", &[]).await;
    assert!(page.contains("has been using it on this machine since"), "{page}");
    let bulk = |slugs: Value| json!({ "action": "sync", "integrations": slugs });
    let refused = server.send(Method::POST, "/api/bulk", &bulk(json!(["things"])), StatusCode::CONFLICT).await;
    assert_eq!(refused["code"], "spile::run::busy");
    let both = bulk(json!(["things", "fruit"]));
    let begun = server.send(Method::POST, "/api/bulk", &both, StatusCode::ACCEPTED).await;
    let told = (&begun["success"], &begun["refused"]["things"]["code"], &begun["runs"]["things"]);
    assert_eq!(told, (&json!(false), &json!("spile::run::busy"), &Value::Null), "{begun}");
    let ended = followed(&server, begun["runs"]["fruit"].as_str().unwrap()).await;
    assert!(ended.contains("\"status\":\"ok\""), "{ended}");
    let fields = [("action", "sync"), ("slug", "things"), ("slug", "fruit"), ("sure", "yes")];
    assert_eq!(browser.goes("/integrations/bulk", &fields).await, "/runs?did=part");
    assert!(browser.page("/runs?did=part").await.contains("Some runs have started"));
    // The audit log records refused runs, and no run stays behind.
    let deeds = server.get("/api/audit?integration=things").await;
    let results: Vec<&Value> = deeds["deeds"].as_array().unwrap().iter().map(|deed| &deed["result"]).collect();
    assert_eq!(results.iter().filter(|result| **result == "failed: spile::run::busy").count(), 4, "{deeds}");
    assert_eq!(server.get("/api/runs?integration=things").await["runs"].as_array().unwrap().len(), 1);
    assert!(server.stop().success());
}

#[tokio::test]
async fn a_waiting_run_has_an_id_and_a_page() {
    let project = hanging();
    let server = Server::start(|words| project.command(words), &["--jobs", "1"]);
    let browser = server.browser().await;
    server.send(Method::POST, "/api/integrations/things/sync", &Value::Null, StatusCode::ACCEPTED).await;
    let waiting = server.send(Method::POST, "/api/integrations/fruit/sync", &Value::Null, StatusCode::ACCEPTED).await;
    assert_eq!(waiting["run"]["status"], "waiting", "{waiting}");
    let id = waiting["run"]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/runs/{id}")).await["run"]["status"], "waiting");
    assert_eq!(server.get(&format!("/api/runs/{id}/logs")).await["lines"], json!([]));
    let listed = server.get("/api/runs?integration=fruit").await;
    assert_eq!((&listed["runs"], &listed["waiting"][0]["id"]), (&json!([]), &json!(id)), "{listed}");
    let page = browser.page(&format!("/runs/{id}")).await;
    assert!(page.contains("Waiting for its turn") && page.contains("data-live"), "{page}");
    assert!(browser.page("/runs").await.contains("waiting"));
    // Changed files do not add slots, and other settings do not remove them.
    project.write("integrations/more.toml", FRUIT);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let more = server.send(Method::POST, "/api/integrations/more/sync", &Value::Null, StatusCode::ACCEPTED).await;
    assert_eq!(more["run"]["status"], "waiting", "{more}");
    assert!(server.stop().success());
    let runs = project.json(&["runs"])["runs"].clone();
    let runs: Vec<_> = runs.as_array().unwrap().iter().map(|run| (&run["slug"], &run["status"])).collect();
    assert_eq!(runs, [(&json!("things"), &json!("cancelled"))], "the waiting runs never started");
}

#[tokio::test]
async fn several_take_turns_and_each_can_be_followed_from_the_beginning() {
    let project = project();
    for slug in ["nuts", "plums"] {
        project.write(&format!("integrations/{slug}.toml"), FRUIT);
    }
    project.spile(&["apply", "--yes"]).succeeds();
    let server = Server::start(|words| project.command(words), &["--jobs", "1"]);
    let all = json!({ "action": "sync", "integrations": ["fruit", "nuts", "plums"] });
    let begun = server.send(Method::POST, "/api/bulk", &all, StatusCode::ACCEPTED).await;
    assert_eq!(begun["success"], true, "{begun}");
    for slug in ["plums", "nuts", "fruit"] {
        let ended = followed(&server, begun["runs"][slug].as_str().unwrap()).await;
        assert!(ended.contains("event: ended") && ended.contains("\"status\":\"ok\""), "{slug}: {ended}");
    }
    assert!(server.stop().success());
}
