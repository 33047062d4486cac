//! Signing in to the pages: with an invitation, with a token, and with a provider of OpenID Connect.

use reqwest::header::{COOKIE, LOCATION, REFRESH, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};

use super::{Server, filled};
use crate::folder::Folder;
use crate::secrets::sign_in::Provider;

async fn enter(server: &Server, fields: &[(&str, &str)]) -> Response {
    filled(server.bare(Method::POST, "/login"), fields).send().await.unwrap()
}

#[tokio::test]
async fn an_invitation_lets_one_person_in_under_a_name() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let made = folder.spile("login-code anna --role editor --format json").exits(0).json();
    let code = made["code"].as_str().unwrap();
    assert_eq!((&made["name"], &made["role"], code.len()), (&"anna".into(), &"editor".into(), 19));
    // Whatever opens the link first, a preview of a chat for example, uses nothing up.
    for _ in 0..2 {
        let page = server.bare(Method::GET, &format!("/login?code={code}")).send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("value=\"{code}\"")), "{page}");
    }
    let browser = server.browser_of(&enter(&server, &[("code", &code.to_lowercase())]).await).await;
    assert!(browser.page("/overview").await.contains("anna"));
    let applies = browser.post("/changes/apply", &[("plan", "00000000")]).await;
    assert_eq!(applies.status(), StatusCode::FORBIDDEN, "an editor applies nothing");
    let again = enter(&server, &[("code", code)]).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert!(again.text().await.unwrap().contains("wrong, already used or expired"));
    let expired = folder.spile("login-code ben --lasts 1s --format json").exits(0).json();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let late = enter(&server, &[("code", expired["code"].as_str().unwrap())]).await;
    assert_eq!(late.status(), StatusCode::FORBIDDEN);
    let own = folder.spile("login-code --format json").exits(0).json();
    assert_eq!(own["role"], "admin");
    folder.spile("login-code --role viewer").exits(64);
    assert!(!server.said().contains(code));
}

#[tokio::test]
async fn a_draft_is_its_owners_alone_even_for_somebody_who_has_its_address() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let sign_in = async |name: &str| {
        let made = folder.spile(&format!("login-code {name} --role editor --format json")).exits(0).json();
        server.browser_of(&enter(&server, &[("code", made["code"].as_str().unwrap())]).await).await
    };
    let (anna, ben) = (sign_in("anna").await, sign_in("ben").await);
    let settings = anna.goes("/new/extractor/postgres", &[]).await;
    anna.post(&settings, &[("name", "Shop"), ("config.host", "db.internal"), ("secrets.password", "hunter2")]).await;
    assert!(anna.page(&settings).await.contains("db.internal"));
    assert_eq!(ben.get(&settings).await.status(), StatusCode::NOT_FOUND);
    let sent = ben.post(&settings, &[("config.host", "evil.example"), ("do", "test")]).await;
    assert_eq!(sent.status(), StatusCode::NOT_FOUND);
    assert!(anna.page(&settings).await.contains("db.internal"));
}

#[tokio::test]
async fn two_cookies_of_one_name_are_none() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let both = format!("{}; {}", browser.cookie, browser.cookie.replace('=', "=x"));
    let answer = server.bare(Method::GET, "/overview").header(COOKIE, both).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_of_an_invitation_names_the_address_of_the_pages() {
    let folder = Folder::project();
    let settings =
        folder.read("spile.toml").replacen("[project]\n", "[project]\nurl = \"https://spile.example.com/\"\n", 1);
    folder.write("spile.toml", &settings);
    let made = folder.spile("login-code anna").exits(0).out;
    let (code, link) = made.trim().split_once('\n').unwrap();
    assert_eq!(link, format!("https://spile.example.com/login?code={code}"));
}

#[tokio::test]
async fn a_token_starts_a_session_that_ends_when_it_is_revoked() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let token = folder.spile("tokens new anna --role viewer").exits(0).out.trim().to_owned();
    let browser = server.browser_of(&enter(&server, &[("token", &token)]).await).await;
    assert!(browser.page("/overview").await.contains("anna"));
    folder.spile("tokens revoke anna").exits(0);
    assert_eq!(browser.get("/overview").await.status(), StatusCode::SEE_OTHER);
    let refused = enter(&server, &[("token", &token)]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(refused.text().await.unwrap().contains("the token is unknown or revoked"));
}

/// Serves a project whose people sign in at a provider, as one of its clients.
fn at(provider: &Provider, folder: &Folder, client: &str) -> Server {
    let issuer = format!("http://{}", provider.host());
    let words = ["--jwt-issuer", &issuer, "--oidc-client-id", client];
    Server::start(
        |words| {
            let mut command = folder.command(&words.join(" "));
            command.env("SPILE_OIDC_CLIENT_SECRET", "hunter2-of-the-client");
            command
        },
        &words,
    )
}

/// Signs in at the provider, and returns what the server answers to the browser that comes back with a cookie.
async fn signed_in(server: &Server, next: &str) -> (String, Response) {
    let begun = server.bare(Method::GET, &format!("/login/provider?next={next}")).send().await.unwrap();
    assert_eq!(begun.status(), StatusCode::SEE_OTHER, "{}", begun.text().await.unwrap());
    let mark = begun.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(mark.contains("HttpOnly; SameSite=Lax") && mark.contains("Path=/login/callback"), "{mark}");
    let address = begun.headers()[LOCATION].to_str().unwrap().to_owned();
    for part in ["scope=openid+email+profile", "code_challenge_method=S256", "nonce=", "response_type=code"] {
        assert!(address.contains(part), "{address}");
    }
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let back = client.get(address).send().await.unwrap().headers()[LOCATION].to_str().unwrap().to_owned();
    let path = &back[back.find("/login/callback").unwrap()..];
    let cookie = mark.split(';').next().unwrap();
    // Without the cookie, another person's browser could be signed in as somebody else.
    let other = server.bare(Method::GET, path).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::FORBIDDEN);
    let answer = server.bare(Method::GET, path).header(COOKIE, cookie).send().await.unwrap();
    let again = server.bare(Method::GET, path).header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::FORBIDDEN, "a sign-in ends once");
    (path.to_owned(), answer)
}

#[tokio::test]
async fn a_person_signs_in_at_the_provider_with_the_role_of_its_claim() {
    let Some(provider) = Provider::start() else { return };
    let folder = Folder::project();
    let server = at(&provider, &folder, "acme");
    let page = server.bare(Method::GET, "/login?next=%2Fruns").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Sign in with 127.0.0.1") && page.contains("login&#x2f;provider?next=%2Fruns"), "{page}");
    let (path, answer) = signed_in(&server, "%2Fruns").await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    assert_eq!(answer.headers()[REFRESH], "0; url=/runs");
    let browser = server.browser_of(&answer).await;
    let page = browser.page("/overview").await;
    assert!(page.contains("anna@example.com"), "{page}");
    let refused = browser.post("/changes/apply", &[("plan", "00000000")]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "an editor applies nothing");
    let audit = folder.read(".spile/audit.jsonl");
    assert!(audit.contains("anna@example.com") && audit.contains("sign-in"), "{audit}");
    let code = path.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let said = server.said();
    assert!(!audit.contains(code) && !said.contains(code) && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_person_whom_the_provider_does_not_vouch_for_stays_outside() {
    let Some(provider) = Provider::start() else { return };
    for (client, reason) in [
        ("no-role", "the token has no valid role in its claim"),
        ("other-nonce", "it belongs to another sign-in"),
        ("other-audience", "it is for a different audience"),
        ("other-party", "it is for another client"),
        ("late", "it has expired"),
        ("no-id-token", "it contains no ID token"),
        ("denied", "did not let you in: access_denied, end-user denied authorization"),
        ("redirect", "does not accept the address http:"),
        ("expired", "has expired, or was begun in another browser"),
    ] {
        let folder = Folder::project();
        let server = at(&provider, &folder, client);
        let (_, answer) = signed_in(&server, "%2Fruns").await;
        let (status, cookie) = (answer.status(), answer.headers().get(SET_COOKIE).cloned());
        let page = answer.text().await.unwrap();
        assert!(page.contains(reason), "{client}: {page}");
        assert!(!status.is_success() && cookie.is_none(), "{client}: {status} {cookie:?}");
        assert!(!page.contains("hunter2"));
    }
}

#[tokio::test]
async fn a_provider_that_is_away_leaves_the_other_ways_in() {
    let folder = Folder::project();
    let words = ["--jwt-issuer", "http://127.0.0.1:9", "--oidc-client-id", "acme"];
    let server = Server::of_folder(&folder, &words);
    let answer = server.bare(Method::GET, "/login/provider").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(answer.text().await.unwrap().contains("127.0.0.1 cannot be reached"));
    assert!(server.browser().await.page("/overview").await.contains("admin"));
    let line = "serve --bind 127.0.0.1:0 --jwt-issuer http://id.example.com --format text";
    assert!(folder.spile(line).exits(64).notes.contains("use an address with `https`"));
    let without = Server::of_folder(&folder, &[]);
    for path in ["/login/provider", "/login/callback?code=x&state=y"] {
        assert_eq!(without.bare(Method::GET, path).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
}
