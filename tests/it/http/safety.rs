//! Authentication, origins, and security headers.

use reqwest::header::{COOKIE, HOST, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Server;
use crate::folder::Folder;

async fn code_of(request: reqwest::RequestBuilder, status: StatusCode) -> String {
    super::json(request, status).await["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_gets_in_without_a_session_or_a_token() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    for path in ["/api/integrations", "/api/plan", "/api/runs", "/api/connectors", "/api/openapi.json"] {
        let request = server.bare(Method::GET, path);
        if path == "/api/openapi.json" {
            super::json(request, StatusCode::OK).await;
            continue;
        }
        assert_eq!(code_of(request, StatusCode::UNAUTHORIZED).await, "spile::http::unauthorized", "{path}");
        let wrong = server.bare(Method::GET, path).bearer_auth("spile_nonsense");
        assert_eq!(code_of(wrong, StatusCode::UNAUTHORIZED).await, "spile::http::unauthorized");
    }
    super::json(server.bare(Method::GET, "/api/health"), StatusCode::OK).await;
    for path in [
        "/integrations",
        "/changes",
        "/changes/history",
        "/activity",
        "/settings",
        "/settings/access",
        "/settings/keys",
        "/marketplace",
        "/new/extractor/postgres",
        "/runs",
    ] {
        let response = server.bare(Method::GET, path).send().await.unwrap();
        assert_eq!(
            (response.status(), response.headers()["location"].to_str().unwrap()),
            (StatusCode::SEE_OTHER, format!("/login?next={}", path.replace('/', "%2F")).as_str())
        );
    }
    let wrong = super::filled(server.bare(Method::POST, "/login"), &[("code", "AAAA-AAAA")]).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    let browser = server.browser().await;
    assert!(browser.page("/integrations").await.contains("fruit"));
    assert_eq!(browser.goes("/logout", &[]).await, "/login");
    assert_eq!(browser.get("/integrations").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn roles_say_what_a_token_may_do_and_a_revoked_one_may_nothing() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let token = |role: &str| folder.spile(&format!("tokens new {role} --role {role}")).exits(0).out.trim().to_owned();
    let (viewer, editor) = (token("viewer"), token("editor"));
    let ask = |token: &str, method: Method, path: &str| server.bare(method, path).bearer_auth(token);
    super::json(ask(&viewer, Method::GET, "/api/integrations"), StatusCode::OK).await;
    let refused = ask(&viewer, Method::DELETE, "/api/integrations/fruit");
    assert_eq!(code_of(refused, StatusCode::FORBIDDEN).await, "spile::http::role");
    let applies = ask(&editor, Method::POST, "/api/applies").json(&json!({"plan": "00000000"}));
    assert_eq!(code_of(applies, StatusCode::FORBIDDEN).await, "spile::http::role");
    super::json(ask(&editor, Method::DELETE, "/api/integrations/fruit"), StatusCode::OK).await;
    folder.spile("tokens revoke editor").exits(0);
    super::json(ask(&editor, Method::GET, "/api/integrations"), StatusCode::UNAUTHORIZED).await;
    let listed = folder.spile("tokens list --format json").exits(0).json();
    let names: Vec<&Value> = listed["tokens"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["tests", "viewer"]);
    assert!(!listed.to_string().contains("sha256"));
    folder.spile("tokens revoke nobody").exits(1);
}

#[tokio::test]
async fn other_pages_and_other_names_change_nothing() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let renamed = server.ask(Method::GET, "/api/integrations").header(HOST, "evil.example");
    assert_eq!(code_of(renamed, StatusCode::MISDIRECTED_REQUEST).await, "spile::http::host");
    let foreign = server.ask(Method::DELETE, "/api/integrations/fruit").header(ORIGIN, "http://evil.example");
    assert_eq!(code_of(foreign, StatusCode::FORBIDDEN).await, "spile::http::origin");
    let browser = server.browser().await;
    let without = server.bare(Method::DELETE, "/api/integrations/fruit").header(COOKIE, &browser.cookie);
    assert_eq!(code_of(without, StatusCode::FORBIDDEN).await, "spile::http::csrf");
    let form = server.bare(Method::POST, "/integrations/fruit/disable").header(COOKIE, &browser.cookie);
    let form = super::filled(form, &[("csrf", "nonsense")]).send().await.unwrap();
    assert_eq!(form.status(), StatusCode::FORBIDDEN);
    assert!(folder.join("integrations/fruit.toml").exists());
    assert!(!folder.read("integrations/fruit.toml").contains("enabled"));
    let with = server.bare(Method::DELETE, "/api/integrations/fruit").header(COOKIE, &browser.cookie);
    super::json(with.header("X-CSRF-Token", &browser.csrf), StatusCode::OK).await;
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may_not() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    for path in ["/login", "/api/health", "/nothing", "/assets/app.js", "/assets/..%2f..%2fspile.toml", "/integrations"]
    {
        let response = server.bare(Method::GET, path).send().await.unwrap();
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert!(headers.contains_key("cache-control"), "{path}");
    }
    let outside = server.bare(Method::GET, "/assets/..%2f..%2fspile.toml").send().await.unwrap();
    assert_eq!(outside.status(), StatusCode::NOT_FOUND);
    let page = server.browser().await.page("/integrations").await;
    assert!(!page.contains("<script>") && !page.contains("style=\"") && !page.contains("onclick"), "{page}");
}

#[tokio::test]
async fn only_this_machine_is_let_in_without_a_login() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &["--no-login"]);
    super::json(server.bare(Method::GET, "/api/integrations"), StatusCode::OK).await;
    let refused = folder.spile("serve --bind 0.0.0.0:0 --no-login --format json").exits(1).json();
    assert_eq!(refused["error"]["code"], "spile::http::open_door");
    // Behind a proxy, every request comes from this machine.
    let refused =
        folder.spile("serve --bind 127.0.0.1:0 --no-login --host spile.example.com --format json").exits(1).json();
    assert_eq!(refused["error"]["code"], "spile::http::open_door");
    // Pages of other sites cannot load anything from here, but following a link works.
    for (site, mode, dest, status) in [
        ("cross-site", "no-cors", "image", StatusCode::FORBIDDEN),
        ("same-site", "cors", "empty", StatusCode::FORBIDDEN),
        ("cross-site", "navigate", "iframe", StatusCode::FORBIDDEN),
        ("cross-site", "navigate", "document", StatusCode::OK),
        ("same-origin", "cors", "empty", StatusCode::OK),
        ("none", "navigate", "document", StatusCode::OK),
    ] {
        let plan = server.bare(Method::GET, "/api/plan").header("sec-fetch-site", site);
        let plan = plan.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
        assert_eq!(plan.send().await.unwrap().status(), status, "{site} {mode} {dest}");
    }
}

#[tokio::test]
async fn viewing_starts_nothing() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let viewer = folder.spile("tokens new viewer --role viewer").exits(0).out.trim().to_owned();
    let post = server.bare(Method::POST, "/new/extractor/postgres").bearer_auth(&viewer);
    assert_eq!(super::filled(post, &[]).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let browser = server.browser().await;
    let without = server.bare(Method::POST, "/new/extractor/postgres").header(COOKIE, &browser.cookie);
    assert_eq!(super::filled(without, &[("csrf", "nonsense")]).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert!(browser.goes("/new/extractor/postgres", &[]).await.starts_with("/drafts/"));
}

#[tokio::test]
async fn a_code_is_only_used_up_by_a_recorded_sign_in() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    // A sign-in that cannot be recorded does not happen.
    std::fs::create_dir(folder.join(".spile/audit.jsonl")).unwrap();
    let code = server.code.clone().unwrap();
    let enter = || super::filled(server.bare(Method::POST, "/login"), &[("code", &code)]);
    assert_eq!(enter().send().await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    std::fs::remove_dir(folder.join(".spile/audit.jsonl")).unwrap();
    let browser = server.browser().await;
    assert!(browser.cookie.starts_with(&format!("spile_session_{}=", server.address.rsplit_once(':').unwrap().1)));
    assert_eq!(enter().send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_sign_in_leads_back_to_where_one_was_and_a_part_of_a_page_stays() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let part =
        server.bare(Method::GET, "/notifications/toasts?after=2026-01-01T00:00:00Z").header("hx-request", "true");
    let part = part.send().await.unwrap();
    assert_eq!((part.status(), part.headers().get("hx-redirect")), (StatusCode::UNAUTHORIZED, None));
    let leads_to = async |path: &str| {
        let page = server.bare(Method::GET, path).send().await.unwrap().text().await.unwrap();
        let value = page.split("name=\"next\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap().replace("&#x2f;", "/")
    };
    assert_eq!(leads_to("/login?next=%2Fruns%3Fslug%3Dfruit").await, "/runs?slug=fruit");
    assert_eq!(leads_to("/login?next=%2F%2Fevil.example").await, "/");
    let code = server.code.clone().unwrap();
    let fields = [("code", code.as_str()), ("next", "/runs?slug=fruit")];
    let entered = super::filled(server.bare(Method::POST, "/login"), &fields).send().await.unwrap();
    assert_eq!(entered.headers()["location"], "/runs?slug=fruit");
}

#[tokio::test]
async fn two_who_are_called_the_same_are_two() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let token = folder.spile("tokens new admin --role admin").exits(0).out.trim().to_owned();
    let browser = server.browser().await;
    let disable = json!({ "action": "disable", "integrations": ["fruit"] });
    let enable = json!({ "action": "enable", "integrations": ["fruit"] });
    let post = || server.bare(Method::POST, "/api/bulk").header("Idempotency-Key", "one");
    super::json(post().bearer_auth(&token).json(&disable), StatusCode::OK).await;
    let by_session = post().header(COOKIE, &browser.cookie).header("X-CSRF-Token", &browser.csrf);
    super::json(by_session.json(&enable), StatusCode::OK).await;
    let deeds = server.get("/api/audit?limit=2").await["deeds"].clone();
    let who: Vec<_> = deeds.as_array().unwrap().iter().map(|deed| (&deed["actor"], &deed["subject"])).collect();
    assert_eq!(who, [(&json!("admin"), &json!("session")), (&json!("admin"), &json!("token:admin"))]);
}
