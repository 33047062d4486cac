//! Logs of runs: which file is read, how much of it, and who may read it.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use uuid::Uuid;

use super::Server;
use crate::folder::Folder;

/// Writes a run of `fruit` with this log path into the registry.
fn run(folder: &Folder, status: &str, log: &str) -> Uuid {
    let id = Uuid::new_v4();
    let database = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    let ended = (status != "running").then_some("2026-01-01T00:00:01.000000000Z");
    let sql = "insert into integration_runs (id, integration_id, slug, environment, kind, status, started_at, finished_at, log) \
               select ?1, id, slug, 'dev', 'sync', ?2, '2026-01-01T00:00:00.000000000Z', ?3, ?4 from integrations";
    assert_eq!(database.execute(sql, (id.to_string(), status, ended, log)).unwrap(), 1);
    id
}

fn project() -> Folder {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    folder
}

#[tokio::test]
async fn a_log_is_read_where_its_run_wrote_it_whatever_the_registry_says() {
    let folder = project();
    let elsewhere = Folder::new();
    elsewhere.write("keys.txt", "AGE-SECRET-KEY-CANARY\n");
    let absolute = elsewhere.join("keys.txt").display().to_string();
    let upwards = format!("{}{absolute}", "../".repeat(20));
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    for log in [absolute.as_str(), &upwards, "spile.toml"] {
        let id = run(&folder, "ok", log);
        let lines = server.get(&format!("/api/runs/{id}/logs")).await;
        assert_eq!(lines["lines"], serde_json::json!([]), "{log}");
        let events = server.ask(Method::GET, &format!("/api/runs/{id}/logs")).header("accept", "text/event-stream");
        let events = events.send().await.unwrap().text().await.unwrap();
        assert!(events.contains("event: ended") && !events.contains("CANARY") && !events.contains("acme"), "{events}");
        let page = browser.page(&format!("/runs/{id}")).await;
        assert!(page.contains("No output yet") && !page.contains("CANARY"), "{page}");
        folder.spile(&format!("logs {id}")).exits(1);
        folder.write(&format!(".spile/logs/fruit/{id}.log"), "its own\n");
        assert_eq!(server.get(&format!("/api/runs/{id}/logs")).await["lines"], serde_json::json!(["its own"]));
        assert_eq!(folder.spile(&format!("logs {id}")).exits(0).out, "its own\n");
    }
}

#[tokio::test]
async fn a_long_log_is_followed_in_full_and_its_end_is_shown() {
    let folder = project();
    let id = run(&folder, "ok", "");
    let lines: Vec<String> = (0..40_000).map(|number| format!("line {number} äöü")).collect();
    folder.write(&format!(".spile/logs/fruit/{id}.log"), &(lines.join("\n") + "\n"));
    let server = Server::of_folder(&folder, &[]);
    let events = server.ask(Method::GET, &format!("/api/runs/{id}/logs")).header("accept", "text/event-stream");
    let events = events.send().await.unwrap().text().await.unwrap();
    let said: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("data: line ")).collect();
    assert!(said.iter().map(|line| format!("line {line}")).eq(lines.iter().cloned()), "{} lines", said.len());
    let page = server.browser().await.page(&format!("/runs/{id}")).await;
    assert!(
        page.contains("line 39999") && !page.contains("line 39499") && page.contains("Showing the last 500 lines"),
        "{page}"
    );
}

#[tokio::test]
async fn a_stalled_log_reader_does_not_keep_the_server_from_stopping() {
    let folder = project();
    let id = run(&folder, "running", "");
    folder.write(&format!(".spile/logs/fruit/{id}.log"), &"a line that is long enough\n".repeat(1_000_000));
    let server = Server::of_folder(&folder, &[]);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "GET /api/runs/{id}/logs HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\r\n",
        server.address, server.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A client requests a log and never reads it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    super::json(server.ask(Method::GET, "/api/health"), StatusCode::OK).await;
    assert!(server.stop().success());
    drop(stream);
}
