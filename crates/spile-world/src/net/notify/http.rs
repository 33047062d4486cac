//! Posts JSON. Redirects are not followed, and errors contain no address.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use super::patience::{FailedTry, Later};
use super::{Means, NotSent};
use crate::net::authorities::{Authorities, NoClient};
use spile_core::secret::Secret;

/// The most bytes of a response that are read.
const LONGEST_ANSWER: usize = 4096;

/// The content to post.
pub(super) struct Post {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Posts until the message is accepted or rejected. Returns the status.
pub(super) async fn post(address: &Secret, post: &Post, means: &Means<'_>) -> Result<String, NotSent> {
    let url = Url::parse(address.expose()).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let url = url.ok_or(NotSent::Value { key: "url", what: "address" })?;
    let client = client(means.authorities)?;
    let attempt = || {
        let request = client.post(url.clone()).headers(post.headers.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(post.body.clone());
        async move { answer(request.send().await.map_err(unreached)?).await }
    };
    means.patience.tries(attempt).await
}

fn client(authorities: &Authorities) -> Result<reqwest::Client, NotSent> {
    let client = authorities.client().map_err(|source| NotSent::Client { source })?;
    let client = client.redirect(reqwest::redirect::Policy::none()).build();
    client.map_err(|error| NotSent::Client { source: NoClient::tls(error) })
}

fn unreached(source: reqwest::Error) -> FailedTry {
    let source = source.without_url();
    FailedTry { error: NotSent::Unreached { source }, later: Later::Soon }
}

async fn answer(response: Response) -> Result<String, FailedTry> {
    let status = response.status();
    let code = status.as_u16();
    if status.is_success() {
        return Ok(format!("status {code}"));
    }
    let after = retry_after(&response);
    let later = after.map_or(Later::Soon, Later::After);
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => FailedTry { error: NotSent::Busy { status: code }, later },
        _ if status.is_server_error() => FailedTry { error: NotSent::Unavailable { status: code }, later },
        _ if status.is_redirection() => NotSent::Redirected { status: code }.into(),
        _ => NotSent::Refused { status: code, said: said(response).await }.into(),
    })
}

/// Returns the word that a service responds with, for example Slack's `no_service`. Anything else is not quoted,
/// because it may contain secrets.
async fn said(mut response: Response) -> Option<String> {
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST_ANSWER {
            return None;
        }
    }
    let word = std::str::from_utf8(&text).ok()?.trim();
    let is_word = (1..=40).contains(&word.len()) && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_word.then(|| word.to_owned())
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
