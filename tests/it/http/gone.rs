//! The client has left, or an operation failed half-way: the server finishes it, and records it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{RULES, Server};
use crate::executable::write_script;
use crate::folder::Folder;

fn git(folder: &Folder, words: &[&str]) -> String {
    let output = std::process::Command::new("git").current_dir(folder.path()).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A project whose branches are pushed to a slow remote.
fn repository() -> (Folder, Folder) {
    let (folder, remote) = (Folder::project(), Folder::new());
    folder.write(".sops.yaml", RULES);
    folder.write(".gitignore", ".spile/\n");
    git(&folder, &["init", "--quiet", "--initial-branch", "main"]);
    git(&folder, &["add", "."]);
    git(&folder, &["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "begin"]);
    git(&remote, &["init", "--quiet", "--bare"]);
    write_script(&remote.join("hooks/pre-receive"), "#!/bin/sh\nsleep 3\n");
    git(&folder, &["remote", "add", "slow", remote.path().to_str().unwrap()]);
    (folder, remote)
}

/// Waits for an entry in the audit log, and returns it.
async fn noted(server: &Server, action: &str) -> Value {
    for _ in 0..40 {
        let deeds = server.get("/api/audit").await["deeds"].clone();
        if let Some(deed) = deeds.as_array().unwrap().iter().find(|deed| deed["action"] == action) {
            return deed.clone();
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("`{action}` was never noted");
}

#[tokio::test]
async fn a_change_is_made_to_its_end_and_noted_when_who_asked_for_it_has_gone() {
    let (folder, remote) = repository();
    let server = Server::of_folder(&folder, &["--write", "branch", "--push", "slow"]);
    let post = || {
        let new = json!({ "type": "singer-jsonl", "name": "Nuts", "config": { "local.folders": ["data"] } });
        server.ask(Method::POST, "/api/integrations").header("Idempotency-Key", "nuts").json(&new)
    };
    let gone = post().timeout(Duration::from_millis(1500)).send().await.unwrap_err();
    assert!(gone.is_timeout(), "{gone}");
    let refused = super::json(post(), StatusCode::CONFLICT).await;
    assert_eq!(refused["detail"], "a request with this idempotency key is still in progress");
    let deed = noted(&server, "add").await;
    assert_eq!(deed["result"], "branch spile/add-nuts", "{deed}");
    assert_eq!(git(&remote, &["log", "-1", "--format=%s", "spile/add-nuts"]), "Add `nuts`");
    // The repeated request gets the same response, and nothing happens twice.
    let answered = super::json(post(), StatusCode::CREATED).await;
    assert_eq!(answered["change"]["branch"], "spile/add-nuts", "{answered}");
    assert_eq!(git(&folder, &["branch", "--list", "spile/*", "--format=%(refname:short)"]), "spile/add-nuts");
    assert!(server.stop().success());
}

#[tokio::test]
async fn what_failed_is_noted_as_well() {
    let (folder, _remote) = repository();
    git(&folder, &["remote", "add", "away", "/nowhere/at/all"]);
    let server = Server::of_folder(&folder, &["--write", "branch", "--push", "away"]);
    let update = json!({ "tags": ["sweet"] });
    server.send(Method::PUT, "/api/integrations/fruit", &update, StatusCode::CONFLICT).await;
    assert_eq!(noted(&server, "change").await["result"], "failed: spile::git::failed");
    drop(server);
    // The last applied state cannot be stored, but the registry has already changed.
    let server = Server::of_folder(&folder, &[]);
    let plan = server.get("/api/plan").await["id"].as_str().unwrap().to_owned();
    folder.write(".spile/applied", "in the way");
    server.send(Method::POST, "/api/applies", &json!({ "plan": plan }), StatusCode::SERVICE_UNAVAILABLE).await;
    let deed = noted(&server, "apply").await;
    assert_eq!(deed["result"], format!("plan {plan}, 2 integrations, failed: spile::files::io"), "{deed}");
    assert_eq!(server.get("/api/applies").await["applies"].as_array().unwrap().len(), 1, "the registry has it");
}
