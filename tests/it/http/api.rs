//! Every endpoint of the API, driven by a scripted client.

use reqwest::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{RULES, Server, bytes_of};
use crate::folder::Folder;

fn shop() -> Value {
    json!({
        "type": "postgres", "name": "Shop (EU)", "loader": "lake", "tags": ["sales"],
        "config": {"host": "db", "user": "me", "database": "shop"}, "secrets": {"password": "hunter2-canary"},
    })
}

pub fn project() -> Folder {
    let folder = Folder::project();
    folder.write(".sops.yaml", RULES);
    folder
}

/// The codes of the errors, with their fields.
pub fn told(refusal: &Value) -> Vec<(&str, &str)> {
    let errors = refusal["errors"].as_array().unwrap().iter();
    errors.map(|one| (one["code"].as_str().unwrap(), one["field"].as_str().unwrap_or_default())).collect()
}

#[tokio::test]
async fn an_integration_is_created_read_changed_and_deleted_as_files() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let made = server.ask(Method::POST, "/api/integrations").json(&shop()).send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let location = made.headers()[LOCATION].to_str().unwrap().to_owned();
    let made: Value = made.json().await.unwrap();
    for (key, expected) in [
        ("slug", json!("shop-eu")),
        ("type", json!("postgres")),
        ("name", json!("Shop (EU)")),
        ("config", shop()["config"].clone()),
        ("status", json!("pending")),
        ("created_at", Value::Null),
    ] {
        assert_eq!(made[key], expected, "{key}");
    }
    assert_eq!(made["secrets"]["password"]["set"], true);
    let text = folder.read("integrations/shop-eu.toml");
    assert!(text.contains("password = \"ENC[") && !text.contains("hunter2"), "{text}");
    assert!(!bytes_of(folder.path()).contains("hunter2-canary"));

    let listed = server.get("/api/integrations").await;
    assert_eq!(listed["integrations"].as_array().unwrap().len(), 3);
    let one = server.ask(Method::GET, &location).send().await.unwrap();
    let etag = one.headers()[ETAG].clone();
    assert_eq!(one.json::<Value>().await.unwrap(), json!({"integration": made}));
    let again = server.ask(Method::GET, &location).header(IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let change = json!({"schedule": "@daily", "config": {"host": "db2", "user": "me", "database": "shop"}});
    let put = || server.ask(Method::PUT, "/api/integrations/shop-eu").header(IF_MATCH, &etag).json(&change);
    let changed = super::json(put(), StatusCode::OK).await;
    assert_eq!((changed["schedule"].clone(), changed["config"]["host"].clone()), (json!("@daily"), json!("db2")));
    assert_eq!(changed["secrets"]["password"]["set"], true, "omitted fields stay unchanged");
    let stale = super::json(put(), StatusCode::PRECONDITION_FAILED).await;
    assert_eq!(stale["code"], "spile::http::precondition");
    // A client may send back what it read, unchanged.
    let same = server.get("/api/integrations/shop-eu").await["integration"].clone();
    let mut back = same.clone();
    back.as_object_mut().unwrap().remove("secrets");
    assert_eq!(server.send(Method::PUT, "/api/integrations/shop-eu", &back, StatusCode::OK).await, same);

    let gone = super::json(server.ask(Method::DELETE, &location), StatusCode::OK).await;
    assert_eq!(gone, json!({"success": true}));
    assert!(!folder.join("integrations/shop-eu.toml").exists());
    super::json(server.ask(Method::GET, &location), StatusCode::NOT_FOUND).await;
    assert!(server.stop().success());
}

#[tokio::test]
async fn problems_have_a_code_and_a_field_and_nothing_is_written() {
    let folder = project();
    let before = folder.files();
    let server = Server::of_folder(&folder, &[]);
    let server_of = &server;
    let post = |body: Value| async move {
        server_of.send(Method::POST, "/api/integrations", &body, StatusCode::UNPROCESSABLE_ENTITY).await
    };
    let mut wrong = shop();
    wrong["config"] = json!({"host": [1], "prot": 2});
    wrong["loader"] = json!("lago");
    let refusal = post(wrong).await;
    for expected in [
        ("spile::settings::wrong_kind", "config.host"),
        ("spile::settings::unknown", "config.prot"),
        ("spile::integration::unknown_loader", "loader"),
    ] {
        assert!(told(&refusal).contains(&expected), "{refusal}");
    }
    let mut odd = shop();
    odd["colour"] = json!("red");
    assert_eq!(told(&post(odd).await), [("spile::http::field", "colour")]);
    let mut plain = shop();
    plain["config"]["password"] = json!("hunter2-canary");
    let refusal = post(plain).await;
    assert!(!refusal.to_string().contains("hunter2-canary"), "{refusal}");
    let mut plain = shop();
    plain["config"]["database"] = json!("postgres://me:hunter2-canary@db");
    let refusal = post(plain).await;
    assert!(told(&refusal).contains(&("spile::secrets::plain_value", "config.database")), "{refusal}");
    assert!(!refusal.to_string().contains("hunter2-canary"), "{refusal}");
    let mut name = shop();
    name["name"] = json!("—");
    assert_eq!(told(&post(name).await), [("spile::http::field", "name")]);
    for (body, status) in [
        ("{\"type\":", StatusCode::BAD_REQUEST),
        ("[]", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"type\": 1, \"name\": \"x\"}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"type\": \"x\", \"name\": \"x\", \"secrets\": {\"password\": 24680}}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"type\": \"x\", \"name\": \"x\", \"secrets\": [\"24680\"]}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"type\": \"x\", \"name\": \"x\", \"slug\": \"Not 24680\"}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"type\": \"x\", \"name\": \"x\", \"kind\": \"24680\"}", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let request =
            server.ask(Method::POST, "/api/integrations").header("content-type", "application/json").body(body);
        let refusal = super::json(request, status).await;
        assert_eq!(refusal["code"], "spile::http::body", "{body}");
        assert!(!refusal.to_string().contains("24680"), "{refusal}");
    }
    let mut unknown = shop();
    unknown["type"] = json!("postgrs");
    let refusal = server.send(Method::POST, "/api/integrations", &unknown, StatusCode::NOT_FOUND).await;
    assert_eq!(refusal["help"], "did you mean `postgres`?");
    let mut taken = shop();
    taken["slug"] = json!("fruit");
    server.send(Method::POST, "/api/integrations", &taken, StatusCode::CONFLICT).await;
    super::json(server.ask(Method::DELETE, "/api/integrations/nobody"), StatusCode::NOT_FOUND).await;
    super::json(server.ask(Method::PATCH, "/api/integrations"), StatusCode::METHOD_NOT_ALLOWED).await;
    super::json(server.ask(Method::GET, "/api/nothing"), StatusCode::NOT_FOUND).await;
    super::json(server.ask(Method::GET, "/api/integrations?limit=many"), StatusCode::BAD_REQUEST).await;
    let other_loader =
        super::json(server.ask(Method::DELETE, "/api/integrations/lake"), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(
        told(&other_loader).iter().any(|(code, _)| *code == "spile::integration::unknown_loader"),
        "{other_loader}"
    );
    let large = server
        .ask(Method::POST, "/api/integrations")
        .header("content-type", "application/json")
        .body("x".repeat(2 << 20));
    super::json(large, StatusCode::PAYLOAD_TOO_LARGE).await;
    let mut after = folder.files();
    after.retain(|path, _| !path.starts_with(".spile"));
    assert_eq!(after, before);
}

#[tokio::test]
async fn lists_are_paged_and_searchable() {
    let folder = project();
    for number in 0..5 {
        folder.integration(&format!("copy-{number}"), "data");
    }
    let server = Server::of_folder(&folder, &[]);
    let mut names = Vec::new();
    let mut path = "/api/integrations?limit=3".to_owned();
    loop {
        let page = server.get(&path).await;
        names.extend(
            page["integrations"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/integrations?limit=3&after={next}");
    }
    assert_eq!(names, ["copy-0", "copy-1", "copy-2", "copy-3", "copy-4", "fruit", "lake"]);
    let found = server.get("/api/integrations?q=COPY%20jsonl").await;
    assert_eq!(found["integrations"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_response() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let post = |body: &Value| server.ask(Method::POST, "/api/integrations").header("Idempotency-Key", "one").json(body);
    let first = super::json(post(&shop()), StatusCode::CREATED).await;
    let second = super::json(post(&shop()), StatusCode::CREATED).await;
    assert_eq!(first, second);
    let mut other = shop();
    other["name"] = json!("Other");
    let refused = super::json(post(&other), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(refused["code"], "spile::http::idempotency");
    assert!(!folder.join("integrations/other.toml").exists());
    // A revoked token gets no stored response.
    folder.spile("tokens revoke tests").exits(0);
    super::json(post(&shop()), StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn a_plan_is_applied_exactly_as_reviewed() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let plan = server.get("/api/plan").await;
    crate::cli::schemas::holds("plan", &plan);
    assert_eq!(plan["summary"]["create"], 2);
    folder.integration("later", "data");
    let body = json!({"plan": plan["id"]});
    let stale = server.send(Method::POST, "/api/applies", &body, StatusCode::CONFLICT).await;
    assert_eq!(stale["code"], "spile::plan::other");
    let plan = server.get("/api/plan").await;
    let applied = server.send(Method::POST, "/api/applies", &json!({"plan": plan["id"]}), StatusCode::CREATED).await;
    assert_eq!(applied["summary"]["create"], 3);
    let history = server.get("/api/applies").await;
    assert_eq!(history["applies"][0]["actor"], "tests");
    assert_eq!(server.get("/api/plan?only=fruit").await["summary"]["unchanged"], 3);
    let one = server.get("/api/integrations/fruit").await;
    assert!(one["integration"]["created_at"].is_string(), "{one}");
}

#[tokio::test]
async fn connectors_are_found_with_the_schema_of_their_settings() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let found = server.get("/api/connectors?q=salesfroce").await;
    assert_eq!(found["connectors"][0]["name"], "salesforce");
    let shown = server.get("/api/connectors/postgres?kind=extractor").await;
    crate::cli::schemas::holds("connectors-show", &shown);
    let schema = server.get("/api/connectors/postgres/schema").await;
    let valid = jsonschema::validator_for(&schema).unwrap();
    assert!(valid.is_valid(&json!({"config": {"host": "db", "port": 5432}, "secrets": {"password": "x"}})));
    assert!(!valid.is_valid(&json!({"config": {"prot": 5432}})));
    assert!(!valid.is_valid(&json!({"config": {"port": "many"}})));
    super::json(server.ask(Method::GET, "/api/connectors/nothing/schema"), StatusCode::NOT_FOUND).await;
    assert_eq!(server.get("/api/discover?integration=fruit").await["discovered"], Value::Null);
}

#[tokio::test]
async fn several_integrations_are_switched_and_deleted_all_or_none() {
    let folder = project();
    folder.integration("more", "data");
    let server = Server::of_folder(&folder, &[]);
    let bulk = |action: &str, slugs: Value, status| {
        let body = json!({"action": action, "integrations": slugs});
        let server = &server;
        async move { server.send(Method::POST, "/api/bulk", &body, status).await }
    };
    bulk("disable", json!(["fruit", "more"]), StatusCode::OK).await;
    assert!(folder.read("integrations/fruit.toml").contains("enabled = false"));
    assert_eq!(server.get("/api/integrations/more").await["integration"]["enabled"], false);
    bulk("delete", json!(["more", "lake"]), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(folder.join("integrations/more.toml").exists(), "fruit needs lake: nothing went");
    bulk("delete", json!(["more", "nobody"]), StatusCode::NOT_FOUND).await;
    bulk("dance", json!(["more"]), StatusCode::UNPROCESSABLE_ENTITY).await;
    bulk("delete", json!(["more"]), StatusCode::OK).await;
    assert!(!folder.join("integrations/more.toml").exists());
}

#[tokio::test]
async fn invalid_files_are_reported_and_their_last_valid_version_is_served() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    assert_eq!(server.get("/api/health").await["files"], "ok");
    folder.write("integrations/fruit.toml", "type = 'singer-jsnol'\n");
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let listed = server.get("/api/integrations").await;
    assert_eq!(listed["integrations"].as_array().unwrap().len(), 2);
    assert_eq!(listed["problems"][0]["code"], "spile::integration::unknown_type");
    assert_eq!(server.get("/api/health").await["files"], "wrong");
    let refused = server.send(Method::POST, "/api/integrations", &shop(), StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(told(&refused).iter().any(|(code, _)| *code == "spile::integration::unknown_type"), "{refused}");
}

#[tokio::test]
async fn changes_become_branches_if_configured() {
    let folder = project();
    let git = |words: &[&str]| {
        let output = std::process::Command::new("git").current_dir(folder.path()).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    folder.write(".gitignore", ".spile/\n");
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "."]);
    git(&["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "begin"]);
    let server = Server::of_folder(&folder, &["--write", "branch"]);
    let made = server.send(Method::POST, "/api/integrations", &shop(), StatusCode::CREATED).await;
    assert_eq!(made["change"]["branch"], "spile/add-shop-eu");
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["log", "-1", "--format=%an: %s", "spile/add-shop-eu"]), "tests: Add `shop-eu`");
    let text = git(&["show", "spile/add-shop-eu:integrations/shop-eu.toml"]);
    assert!(text.contains("password = \"ENC[") && !text.contains("hunter2"), "{text}");
    let gone = super::json(server.ask(Method::DELETE, "/api/integrations/fruit"), StatusCode::OK).await;
    assert_eq!(gone["change"]["branch"], "spile/delete-fruit");
    assert!(folder.join("integrations/fruit.toml").exists());
    drop(server);
    // A remote that works, and one that is unavailable: a branch that nobody else can see is not a proposal.
    let remote = crate::folder::Folder::new();
    git(&["init", "--quiet", "--bare", remote.path().to_str().unwrap()]);
    git(&["remote", "add", "there", remote.path().to_str().unwrap()]);
    git(&["remote", "add", "away", "/nowhere/at/all"]);
    let server = Server::of_folder(&folder, &["--write", "branch", "--push", "there"]);
    let update = json!({ "tags": ["sweet"] });
    let changed = server.send(Method::PUT, "/api/integrations/fruit", &update, StatusCode::OK).await;
    assert_eq!(changed["change"]["pushed_to"], "there", "{changed}");
    let branch = changed["change"]["branch"].as_str().unwrap().to_owned();
    let said = git(&["-C", remote.path().to_str().unwrap(), "log", "-1", "--format=%s", &branch]);
    assert_eq!(said, "Change `fruit`");
    let noted = server.get("/api/audit?integration=fruit&limit=1").await;
    assert_eq!(noted["deeds"][0]["result"], format!("branch {branch}"), "{noted}");
    drop(server);
    let server = Server::of_folder(&folder, &["--write", "branch", "--push", "away"]);
    let update = json!({ "tags": ["sour"] });
    let refused = server.send(Method::PUT, "/api/integrations/fruit", &update, StatusCode::CONFLICT).await;
    assert_eq!(refused["code"], "spile::git::failed", "{refused}");
    assert_eq!(git(&["branch", "--list", "spile/change-*", "--format=%(refname:short)"]), branch);
}

#[tokio::test]
async fn notifications_are_readable_and_actions_are_audited() {
    let folder = project();
    // Something else changes a row.
    folder.spile("apply --yes").exits(0);
    let database = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    database.execute("UPDATE integrations SET name = 'Other' WHERE slug = 'fruit'", ()).unwrap();
    drop(database);
    let server = Server::of_folder(&folder, &[]);
    let told = server.get("/api/notifications").await;
    let one = &told["notifications"][0];
    assert_eq!((one["kind"].clone(), one["read"].clone()), (json!("action_required"), json!(false)), "{told}");
    let browser = server.browser().await;
    let page = browser.page("/integrations").await;
    assert!(
        page.contains("<span class=\"badge warn\">drift</span>") && page.contains("1<span class=\"unseen\"> unread"),
        "{page}"
    );
    let toasts = browser.page("/notifications/toasts?after=2026-01-01T00:00:00Z").await;
    assert!(toasts.contains("Its row was changed outside spile") && toasts.contains("View drift"), "{toasts}");
    let later = browser.page("/notifications/toasts?after=2999-01-01T00:00:00Z").await;
    assert!(!later.contains("outside spile"), "{later}");
    let marks = json!({ "read": [one["key"]] });
    server.send(Method::POST, "/api/notifications", &marks, StatusCode::OK).await;
    assert_eq!(server.get("/api/notifications").await["notifications"][0]["read"], true);
    // Read marks are separate for each user.
    assert!(browser.page("/notifications").await.contains("Mark all as read"));
    assert_eq!(browser.goes("/notifications", &[("do", "read")]).await, "/notifications");
    let page = browser.page("/notifications").await;
    assert!(!page.contains("Mark all as read") && page.contains("Mark as unread"), "{page}");
    let wrong = json!({ "read": ["nonsense"] });
    server.send(Method::POST, "/api/notifications", &wrong, StatusCode::UNPROCESSABLE_ENTITY).await;
    let noted = server.get("/api/audit").await;
    assert_eq!(noted["deeds"][0]["action"], "sign-in", "{noted}");
    let page = browser.page("/integrations/fruit").await;
    assert!(page.contains("changed outside spile"), "{page}");
}

#[tokio::test]
async fn changes_are_applied_at_once_or_refused_as_configured() {
    let folder = project();
    let server = Server::of_folder(&folder, &["--apply"]);
    let made = server.send(Method::POST, "/api/integrations", &shop(), StatusCode::CREATED).await;
    assert!(made["created_at"].is_string(), "{made}");
    drop(server);
    let server = Server::of_folder(&folder, &["--read-only"]);
    let mut other = shop();
    other["name"] = json!("Other");
    let refused = server.send(Method::POST, "/api/integrations", &other, StatusCode::FORBIDDEN).await;
    assert_eq!(refused["code"], "spile::http::read_only");
    assert!(!folder.join("integrations/other.toml").exists());
    folder.integration("later", "data");
    let body = json!({"plan": server.get("/api/plan").await["id"]});
    let refused = server.send(Method::POST, "/api/applies", &body, StatusCode::FORBIDDEN).await;
    assert_eq!(refused["code"], "spile::http::read_only");
}

#[tokio::test]
async fn a_change_that_was_written_but_not_applied_is_reported_as_both() {
    let folder = project();
    for slug in ["more", "nuts", "never"] {
        folder.integration(slug, "data");
    }
    folder.remove("integrations/never.toml");
    folder.spile("apply --yes").exits(0);
    folder.integration("never", "data");
    let server = Server::of_folder(&folder, &["--apply"]);
    // An integration that no target knows is gone with its file.
    let gone = super::json(server.ask(Method::DELETE, "/api/integrations/never"), StatusCode::OK).await;
    assert_eq!(gone, json!({ "success": true, "applied": true }));
    // Two at once exceed the guard.
    let body = json!({ "action": "delete", "integrations": ["more", "nuts"] });
    let gone = server.send(Method::POST, "/api/bulk", &body, StatusCode::OK).await;
    assert_eq!(
        (&gone["applied"], &gone["not_applied"]["code"]),
        (&json!(false), &json!("spile::plan::guard")),
        "{gone}"
    );
    assert!(!folder.join("integrations/more.toml").exists());
    // This change cannot be stored either.
    std::fs::remove_dir_all(folder.join(".spile/applied")).unwrap();
    folder.write(".spile/applied", "in the way");
    let update = json!({ "tags": ["sweet"], "config": { "local.folders": ["elsewhere"] } });
    let changed = server.send(Method::PUT, "/api/integrations/fruit", &update, StatusCode::OK).await;
    let told = (&changed["tags"], &changed["applied"], &changed["not_applied"]["code"]);
    assert_eq!(told, (&json!(["sweet"]), &json!(false), &json!("spile::files::io")), "{changed}");
    let noted = server.get("/api/audit?limit=2").await;
    let said: Vec<&Value> = noted["deeds"].as_array().unwrap().iter().map(|deed| &deed["action"]).collect();
    assert_eq!(said, ["apply", "change"], "{noted}");
    folder.remove(".spile/applied");
    // Pages redirect to where the user can apply it.
    let browser = server.browser().await;
    let made = json!({ "type": "singer-jsonl", "name": "Plums", "config": { "local.folders": ["data"] } });
    let made = server.send(Method::POST, "/api/integrations", &made, StatusCode::CREATED).await;
    assert_eq!(made["applied"], true, "{made}");
    let form = [("action", "delete"), ("slug", "plums"), ("slug", "fruit"), ("sure", "yes")];
    assert_eq!(browser.goes("/integrations/bulk", &form).await, "/changes?did=unapplied");
    let page = browser.page("/changes?did=unapplied").await;
    assert!(page.contains("Saved, but not applied") && page.contains("to delete"), "{page}");
}

#[tokio::test]
async fn an_etag_matches_the_content_that_it_came_with() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let path = "/api/integrations/fruit";
    let read = async || {
        let one = server.ask(Method::GET, path).send().await.unwrap();
        let etag = one.headers()[ETAG].clone();
        (one.json::<Value>().await.unwrap()["integration"].clone(), etag)
    };
    let with = |method: Method, etag: &reqwest::header::HeaderValue| server.ask(method, path).header(IF_MATCH, etag);
    read().await;
    // Someone edits the file while the cached version is still valid: a response with the old content must have the old
    // `ETag`.
    folder.integration("fruit", "by-hand");
    let (seen, etag) = read().await;
    let is_old = seen["config"]["local.folders"] == json!(["data"]);
    let status = if is_old { StatusCode::PRECONDITION_FAILED } else { StatusCode::OK };
    let change = json!({ "tags": ["sweet"], "config": { "local.folders": ["data"] } });
    super::json(with(Method::PUT, &etag).json(&change), status).await;
    let text = folder.read("integrations/fruit.toml");
    assert_eq!(text.contains("by-hand"), is_old, "neither is lost: {text}");
    // The status is part of the `ETag`, but does not block a change.
    folder.spile("apply --yes").exits(0);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let (_, pending) = read().await;
    let database = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    database.execute("update integrations set status = 'active' where slug = 'fruit'", ()).unwrap();
    drop(database);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let again = server.ask(Method::GET, path).header(IF_NONE_MATCH, &pending).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    let etag = again.headers()[ETAG].clone();
    assert_eq!(again.json::<Value>().await.unwrap()["integration"]["status"], "active");
    let packed = format!("\"other\", W/{}", etag.to_str().unwrap());
    let same = server.ask(Method::GET, path).header(IF_NONE_MATCH, packed).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let changed = with(Method::PUT, &pending).json(&json!({ "tags": ["sour"] })).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    // The `ETag` covers all of its files: a changed overlay must not be deleted unseen.
    let etag = changed.headers()[ETAG].clone();
    folder.write("integrations/fruit.prod.toml", "schedule = \"@daily\"\n");
    super::json(with(Method::DELETE, &etag), StatusCode::PRECONDITION_FAILED).await;
    assert!(folder.join("integrations/fruit.prod.toml").exists());
    let (_, etag) = read().await;
    super::json(with(Method::DELETE, &etag), StatusCode::OK).await;
    assert!(!folder.join("integrations/fruit.prod.toml").exists());
}
