//! The library's HTTP client: ours, with its certificates and proxies.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use oauth2::http::{Response, StatusCode, header::CONTENT_TYPE};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use serde_json::Value;

use crate::net::authorities::{Authorities, NoClient};
use crate::net::body;

/// The timeout of one request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of an answer.
const MOST_BYTES: usize = 1 << 20;

/// Sends requests to a provider. It follows no redirects: a secret goes only where the definition says.
pub struct Http(reqwest::Client);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpFault {
    /// The provider did not respond.
    #[error("{0}")]
    Network(String),
    /// The answer is too long, or cannot be passed on.
    #[error("the answer is too long")]
    TooLong,
}

impl From<reqwest::Error> for HttpFault {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Network(text)
    }
}

impl Http {
    pub fn new(authorities: &Authorities) -> Result<Self, NoClient> {
        let client = authorities.client()?.timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        Ok(Self(client.build().map_err(NoClient::tls)?))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFault> {
        let mut response = self.0.execute(reqwest::Request::try_from(request)?).await?;
        let status = response.status();
        let bytes = body::up_to(&mut response, MOST_BYTES).await?;
        if bytes.len() > MOST_BYTES {
            return Err(HttpFault::TooLong);
        }
        let mut answer = Response::new(bytes);
        *answer.status_mut() = status_of(status, answer.body());
        // The library refuses other types. Whether the content is JSON is decided by reading it.
        answer.headers_mut().insert(CONTENT_TYPE, oauth2::http::HeaderValue::from_static("application/json"));
        Ok(answer)
    }
}

/// Returns the status that fits an answer: GitHub and Slack report errors with status 200, and others success with 201.
fn status_of(status: StatusCode, body: &[u8]) -> StatusCode {
    let error = || serde_json::from_slice::<Value>(body).is_ok_and(|answer| answer["error"].is_string());
    match status {
        _ if !status.is_success() => status,
        _ if error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
