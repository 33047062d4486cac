//! Signing in to a source on the pages, with a provider of OAuth.

use reqwest::StatusCode;
use reqwest::header::{LOCATION, REFRESH};

use super::{Browser, Server};
use crate::secrets::sign_in::Provider;

/// Lets a browser sign in at the provider, and returns where it comes back to on the server.
async fn signed_in_at_the_provider(page: reqwest::Response) -> String {
    assert_eq!(page.status(), StatusCode::OK);
    let leads = page.headers()[REFRESH].to_str().unwrap().to_owned();
    let address = leads.strip_prefix("0; url=").unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let back = client.get(address).send().await.unwrap().headers()[LOCATION].to_str().unwrap().to_owned();
    let (_, path) = back.split_once("/sign-in/callback").unwrap_or_else(|| panic!("{back}"));
    format!("/sign-in/callback{path}")
}

/// Follows the page that a provider sends the browser back to, which needs no session, to the one that does.
async fn ended(server: &Server, browser: &Browser<'_>, path: &str) -> reqwest::Response {
    let callback = server.bare(reqwest::Method::GET, path).send().await.unwrap();
    assert_eq!(callback.status(), StatusCode::OK);
    let leads = callback.headers()[REFRESH].to_str().unwrap().to_owned();
    browser.get(leads.strip_prefix("0; url=").unwrap()).await
}

#[tokio::test]
async fn the_button_on_a_page_brings_a_token_that_is_saved_like_one_from_a_form() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    let words = ["--trust-registry", &provider.host()];
    let server = Server::start(|words| desk.command(words), &words);
    let browser = server.browser().await;
    assert!(browser.page("/integrations/shop/settings").await.contains("Sign in with Shop"));
    let page = browser.post("/integrations/shop/sign-in", &[]).await;
    let back = signed_in_at_the_provider(page).await;

    // Another session, and another state, get nothing.
    let outside = server.bare(reqwest::Method::GET, &back.replace("callback", "end")).send().await.unwrap();
    assert_eq!(outside.status(), StatusCode::SEE_OTHER, "{:?}", outside.headers());
    let other = ended(&server, &browser, "/sign-in/callback?code=x&state=y").await;
    assert!(other.text().await.unwrap().contains("the browser came back from another sign-in"));
    assert!(!desk.shop().contains("refresh_token"));

    let done = ended(&server, &browser, &back).await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER, "{}", done.text().await.unwrap());
    assert!(done.headers()[LOCATION].to_str().unwrap().starts_with("/integrations/shop/settings?did="));
    assert_eq!(desk.values("shop")["refresh_token"], "refresh-of-acme");
    assert!(!desk.shop().contains("refresh-of-acme"));
    let again = ended(&server, &browser, &back).await;
    assert!(again.status().is_client_error() || again.status().is_server_error(), "a code is used once");
    assert!(!server.said().contains("refresh-of-acme"));
}

#[tokio::test]
async fn the_button_in_the_wizard_keeps_the_token_in_the_draft_until_it_is_saved() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    let words = ["--trust-registry", &provider.host()];
    let server = Server::start(|words| desk.command(words), &words);
    let browser = server.browser().await;
    let settings = browser.goes("/new/extractor/shop", &[]).await;
    assert!(browser.page(&settings).await.contains("Sign in with Shop"));
    let without = browser.refused(&settings, &[("name", "Second"), ("do", "sign-in")]).await;
    assert!(without.contains("is not set, and Shop asks for it"), "{without}");
    let answers = [
        ("name", "Second"),
        ("config.client_id", "second"),
        ("secrets.client_secret", "hunter2-of-the-client"),
        ("do", "sign-in"),
    ];
    let back = signed_in_at_the_provider(browser.post(&settings, &answers).await).await;
    let done = ended(&server, &browser, &back).await;
    assert_eq!(done.headers()[LOCATION].to_str().unwrap(), format!("{settings}?did=signed_in"));
    let review = settings.replace("/settings", "/review");
    browser.goes(&review, &[("do", "save")]).await;
    assert_eq!(desk.values("second")["refresh_token"], "refresh-of-second");
}

#[tokio::test]
async fn the_pages_send_nothing_to_a_host_that_nobody_has_agreed_to() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    let server = Server::start(|words| desk.command(words), &[]);
    let browser = server.browser().await;
    let page = browser.post("/integrations/shop/sign-in", &[]).await;
    assert!(page.headers().get(REFRESH).is_none());
    assert!(page.text().await.unwrap().contains("you have not agreed to send"));
}
