//! The HTTP client, with timeouts and retries that depend on the request.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use zeroize::Zeroizing;

use super::refusal::{PostgrestRefusal, is_gateway};
use super::{Address, SupabaseError};
use crate::net::authorities::NoClient;
use spile_core::settings::TableName;

/// The timeout for connecting.
const CONNECT: Duration = Duration::from_secs(10);

/// The timeout for a read.
const READ: Duration = Duration::from_secs(30);

/// The timeout for an apply. The database allows it sixty seconds.
const APPLY: Duration = Duration::from_secs(75);

/// The delay before each retry, unless the server specifies one.
const WAITS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// The longest delay that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A client for one project.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    host: Arc<str>,
    /// The table name that the names of other tables and functions are derived from.
    table: Arc<TableName>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(address: Address) -> Result<Self, SupabaseError> {
        let headers = headers(&address)?;
        let client = address.authorities.client().map_err(|source| SupabaseError::Client { source })?;
        // Hosted projects refuse secret keys from browsers. The default user agent of an HTTP client is accepted.
        let http = client
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .gzip(true)
            .build()
            .map_err(|error| SupabaseError::Client { source: NoClient::tls(error) })?;
        let path = address.rest_path.trim_matches('/');
        let gap = if path.is_empty() { "" } else { "/" };
        let base = format!("{}{gap}{path}", address.url).into();
        Ok(Self { http, base, host: address.url.into(), table: address.home.table.into() })
    }

    pub(super) fn host(&self) -> String {
        self.host.to_string()
    }

    /// Reads from a table. Reads are retried.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        query: &[(&str, String)],
    ) -> Result<T, SupabaseError> {
        let url = format!("{}/{}", self.base, self.table.named(table));
        self.patiently(|| self.http.request(Method::GET, &url).query(query).timeout(READ)).await
    }

    /// Calls a function that is safe to retry: it only reads, or its caller can tell what the first call did.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: &Value,
    ) -> Result<T, SupabaseError> {
        let url = format!("{}/rpc/{}", self.base, self.table.named(function));
        self.patiently(|| self.http.request(Method::POST, &url).json(arguments).timeout(READ)).await
    }

    /// Sends a change-set. This is safe to retry, because the database identifies it by its id and applies it once.
    pub(super) async fn apply(&self, body: String) -> Result<(), SupabaseError> {
        let url = format!("{}/rpc/{}", self.base, self.table.named("spile_apply"));
        let request = || {
            let request = self.http.request(Method::POST, &url).timeout(APPLY);
            request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone())
        };
        self.patiently(request).await.map(nothing)
    }

    /// Writes rows of a table by id, so that repeating the request changes nothing.
    pub(super) async fn upsert(&self, table: &str, rows: &Value) -> Result<(), SupabaseError> {
        let url = format!("{}/{}?on_conflict=id", self.base, self.table.named(table));
        let request = || {
            let request = self.http.request(Method::POST, &url).json(rows).timeout(READ);
            request.header("Prefer", "resolution=merge-duplicates,return=minimal")
        };
        self.patiently(request).await.map(nothing)
    }

    /// Changes columns of the rows that a query selects.
    pub(super) async fn patch(
        &self,
        table: &str,
        query: &[(&str, String)],
        columns: &Value,
    ) -> Result<(), SupabaseError> {
        let url = format!("{}/{}", self.base, self.table.named(table));
        let request = || {
            let request = self.http.request(Method::PATCH, &url).query(query).json(columns).timeout(READ);
            request.header("Prefer", "return=minimal")
        };
        self.patiently(request).await.map(nothing)
    }

    /// Sends a retryable request until the outcome is final.
    async fn patiently<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder) -> Result<T, SupabaseError> {
        let mut waits = WAITS.into_iter();
        loop {
            let failed = match once(request()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let Some(wait) = waits.next().filter(|_| failed.may_pass) else { return Err(failed.error) };
            tokio::time::sleep(failed.after.unwrap_or(wait).min(LONGEST_WAIT)).await;
        }
    }
}

/// A failed request.
struct FailedRequest {
    error: SupabaseError,
    /// Whether a retry may succeed.
    may_pass: bool,
    /// How long the server asks to wait before a retry.
    after: Option<Duration>,
}

impl From<SupabaseError> for FailedRequest {
    fn from(error: SupabaseError) -> Self {
        Self { error, may_pass: false, after: None }
    }
}

async fn once<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, FailedRequest> {
    let unreached = |source: reqwest::Error| FailedRequest {
        may_pass: !source.is_builder(),
        error: SupabaseError::unreached(source),
        after: None,
    };
    let response = request.send().await.map_err(unreached)?;
    let (status, after) = (response.status(), retry_after(&response));
    let bytes = Zeroizing::new(response.bytes().await.map_err(unreached)?.to_vec());
    if status.is_success() {
        return read(&bytes);
    }
    let refusal = PostgrestRefusal::read(status, &bytes);
    Err(FailedRequest { may_pass: may_pass(status, &refusal), error: refusal.into_error(), after })
}

/// Parses a response body. An empty body counts as `null`. Errors do not quote the body, because it may contain
/// anything.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FailedRequest> {
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| {
        let is_json = error.is_data();
        let what = if is_json { "it has an unexpected form" } else { "it is not JSON" };
        // A response that was truncated on the way can be retried.
        FailedRequest { error: SupabaseError::answer(what), may_pass: error.is_eof(), after: None }
    })
}

/// Discards the response to a write.
fn nothing(_: IgnoredAny) {}

/// Tells whether an error is temporary: a proxy without a server behind it, or a database that is starting or busy.
fn may_pass(status: StatusCode, refusal: &PostgrestRefusal) -> bool {
    match refusal.code.as_deref() {
        // PT423: the response to the first attempt was lost, and that attempt may still be running.
        Some(
            "PGRST001" | "PGRST002" | "PGRST003" | "40001" | "40P01" | "55P03" | "53300" | "57P01" | "57P03" | "PT423",
        ) => true,
        Some(_) => false,
        None => is_gateway(status),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Sends a secret key in `apikey` alone, where the gateway expects it. A legacy key is a token and is also sent in
/// `Authorization`.
fn headers(address: &Address) -> Result<HeaderMap, SupabaseError> {
    let secret = |text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| SupabaseError::KeyForm)?;
        value.set_sensitive(true);
        Ok::<_, SupabaseError>(value)
    };
    let key = address.key.expose();
    let mut headers = HeaderMap::new();
    headers.insert("apikey", secret(key)?);
    if key.starts_with("eyJ") {
        let bearer = Zeroizing::new(format!("Bearer {key}"));
        headers.insert(reqwest::header::AUTHORIZATION, secret(&bearer)?);
    }
    if address.home.schema != "public" {
        let schema = HeaderValue::from_str(&address.home.schema).map_err(|_| SupabaseError::KeyForm)?;
        headers.insert("Accept-Profile", schema.clone());
        headers.insert("Content-Profile", schema);
    }
    Ok(headers)
}
