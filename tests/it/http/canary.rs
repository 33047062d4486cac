//! No canary secret appears, in any form, in any API response, page, header or file of the server.

use std::sync::Arc;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Browser, Server, filled};
use crate::canary::{JSON, Lookout, NEW, OLD, PEM, UNICODE, Watch, project};

/// A reader who searches every received byte.
struct Reader<'a> {
    watch: &'a Watch,
    seen: Vec<String>,
}

impl Reader<'_> {
    /// Reads a whole response with its headers, and returns its status and body.
    async fn read(&mut self, what: &str, request: RequestBuilder) -> (StatusCode, String) {
        let response = request.send().await.unwrap();
        let (status, head) = (response.status(), format!("{:?}", response.headers()));
        let body = response.text().await.unwrap();
        self.watch.look(&format!("the head of {what}"), head.as_bytes());
        self.watch.look(what, body.as_bytes());
        self.seen.push(format!("{what}: {status}"));
        (status, body)
    }
}

fn form(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let fields = [&[("csrf", browser.csrf.as_str())], fields].concat();
    filled(browser.server.bare(Method::POST, path).header("cookie", &browser.cookie), &fields)
}

/// Pages that belong to no integration.
const REST: [&str; 11] = [
    "/marketplace",
    "/runs",
    "/changes",
    "/changes/drift",
    "/changes/history",
    "/activity",
    "/settings",
    "/settings/access",
    "/settings/keys",
    "/notifications",
    "/notifications/toasts?after=2026-01-01T00:00:00Z",
];

#[tokio::test]
async fn no_secret_is_in_any_response_of_the_server() {
    let watch = Arc::new(Watch::new());
    let lookout = Lookout::start(&watch);
    let project = project("tell");
    project.spile(&["apply", "--yes"]).succeeds();
    let server = Server::start(|words| project.command(words), &[]);
    let browser = server.browser().await;
    let mut reader = Reader { watch: &watch, seen: Vec::new() };

    // Valid values, and values sent in wrong ways.
    let post = |path: &str, body: &Value| server.ask(Method::POST, path).json(body);
    let put = |body: &Value| server.ask(Method::PUT, "/api/integrations/things").json(body);
    let secrets = json!({ "token": NEW, "certificate": PEM, "extra": JSON });
    let made =
        json!({ "type": "fault", "name": "More", "config": { "mode": "tell" }, "loader": "files", "secrets": secrets });
    assert_eq!(reader.read("making one", post("/api/integrations", &made)).await.0, StatusCode::CREATED);
    assert_eq!(reader.read("changing one", put(&json!({ "secrets": { "token": NEW } }))).await.0, StatusCode::OK);
    let wrong = [
        json!({ "config": { "token": UNICODE } }),
        json!({ "secrets": { "nothing": UNICODE } }),
        json!({ "secrets": { "extra": UNICODE } }),
        json!({ "secrets": { "token": [UNICODE] } }),
        json!({ UNICODE: 1 }),
        json!({ "config": { UNICODE: UNICODE } }),
        json!({ "schedule": UNICODE }),
        json!([UNICODE]),
    ];
    for body in &wrong {
        // Responses may repeat what is not secret: names, and values of plain settings and keys.
        let is_told = body.get("schedule").is_some() || !body.to_string().contains("secrets");
        let response = put(body).send().await.unwrap();
        assert!(response.status().is_client_error(), "{body}: {}", response.status());
        if !is_told {
            watch.look(&format!("what is said of {body}"), response.text().await.unwrap().as_bytes());
        }
    }
    let broken = server.ask(Method::PUT, "/api/integrations/things").header("content-type", "application/json");
    let broken = broken.body(format!("{{\"secrets\": {{\"token\": \"{UNICODE}"));
    assert_eq!(reader.read("JSON that breaks off", broken).await.0, StatusCode::BAD_REQUEST);

    // Runs of a tap that prints its secrets.
    for kind in ["test", "sync"] {
        let (status, body) =
            reader.read(kind, post(&format!("/api/integrations/things/{kind}?wait=100"), &Value::Null)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(body.contains("(secret)"), "the tap prints its secret: {body}");
    }
    let runs = server.get("/api/runs").await;
    let run = runs["runs"][0]["id"].as_str().unwrap().to_owned();

    // All GET endpoints of the document.
    let document = server.get("/api/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    for path in paths.iter().filter(|(_, methods)| methods.get("get").is_some()).map(|(path, _)| path) {
        let id = if path.contains("runs") { run.as_str() } else { "things" };
        let mut asked = path.replace("{id}", id).replace("{type}", "fault");
        if ["/api/discover", "/api/contracts"].contains(&path.as_str()) {
            asked.push_str("?integration=things");
        }
        let (status, body) = reader.read(&asked, server.ask(Method::GET, &asked)).await;
        // The tap of this test leaves no bookmark.
        let expected = if path.ends_with("/state") { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!(status, expected, "{asked}: {body}");
    }
    let events = server.ask(Method::GET, &format!("/api/runs/{run}/logs")).header("accept", "text/event-stream");
    reader.read("events of a log", events).await;

    // All pages, and forms that are shown again.
    let begun = browser.goes("/new/extractor/fault", &[]).await;
    let answers = [("name", ""), ("secrets.token", OLD), ("secrets.certificate", PEM), ("secrets.extra", UNICODE)];
    let (status, back) = reader.read("a wizard that comes back", form(&browser, &begun, &answers)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{back}");
    let answers = [("name", "Third"), ("config.mode", "tell"), ("secrets.token", OLD), ("secrets.extra", JSON)];
    assert_eq!(reader.read("a wizard", form(&browser, &begun, &answers)).await.0, StatusCode::SEE_OTHER);
    let draft = begun.trim_end_matches("/settings");
    let test = form(&browser, &format!("{draft}/test"), &[("do", "test")]);
    assert_eq!(reader.read("a test before saving", test).await.0, StatusCode::SEE_OTHER);
    browser.test_ended(draft).await;
    let checked = form(&browser, "/check/extractor/fault?field=secrets.token", &[("secrets.token", UNICODE)]);
    reader.read("a field that is left", checked).await;
    let late = form(&browser, "/integrations/things/settings", &[("etag", "\"old\""), ("secrets.token", UNICODE)]);
    assert_eq!(reader.read("settings that come too late", late).await.0, StatusCode::CONFLICT);
    let steps = ["settings", "test", "streams", "schedule", "review"].map(|step| format!("{draft}/{step}"));
    let pages = [
        "/integrations",
        "/integrations/things",
        "/integrations/things/streams",
        "/integrations/things/settings",
        "/integrations/things/history",
        "/integrations/more",
        "/integrations/more/settings",
        "/integrations/more/delete",
        "/search?q=things",
    ];
    let runs = [format!("/runs/{run}"), format!("/runs/{run}/live")];
    for page in pages.into_iter().chain(REST).map(str::to_owned).chain(steps).chain(runs) {
        let (status, body) =
            reader.read(&page, server.bare(Method::GET, &page).header("cookie", &browser.cookie)).await;
        assert_eq!(status, StatusCode::OK, "{page}: {body}");
    }
    let review = form(&browser, &format!("{draft}/review"), &[("do", "save")]);
    let (status, body) = reader.read("saving", review).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{body}");
    assert!(reader.seen.len() > 35, "{:?}", reader.seen);
    let said = server.said();
    drop(lookout);
    watch.look("what the server said in its terminal", said.as_bytes());
    watch.look_at_files(project.path());
    watch.nothing_was_found();
}
