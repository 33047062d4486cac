//! The client: one request after the other, with a patience that depends on what is asked.

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

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a read may take.
const READ: Duration = Duration::from_secs(30);

/// How long an apply may take: the database gives it sixty seconds.
const APPLY: Duration = Duration::from_secs(75);

/// How long is waited before each further try, where the server does not say.
const WAITS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// The longest that a server may make this program wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A client of one project.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    host: Arc<str>,
    /// What the names of tables and functions are made of.
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
        // Hosted projects refuse secret keys to what looks like a browser; what every client says of itself does not.
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

    /// Reads from a table. A read may be tried again.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        query: &[(&str, String)],
    ) -> Result<T, SupabaseError> {
        let url = format!("{}/{}", self.base, self.table.named(table));
        self.patiently(|| self.http.request(Method::GET, &url).query(query).timeout(READ)).await
    }

    /// Calls a function that may be called again: it only reads, or whoever calls it can tell what the first call did.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: &Value,
    ) -> Result<T, SupabaseError> {
        let url = format!("{}/rpc/{}", self.base, self.table.named(function));
        self.patiently(|| self.http.request(Method::POST, &url).json(arguments).timeout(READ)).await
    }

    /// Sends a change-set. It may be sent again, for the database knows it by its id and does it once.
    pub(super) async fn apply(&self, body: String) -> Result<(), SupabaseError> {
        let url = format!("{}/rpc/{}", self.base, self.table.named("spile_apply"));
        let request = || {
            let request = self.http.request(Method::POST, &url).timeout(APPLY);
            request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone())
        };
        self.patiently(request).await.map(nothing)
    }

    /// Writes rows of a table that are known by their ids, so that the same again is the same.
    pub(super) async fn upsert(&self, table: &str, rows: &Value) -> Result<(), SupabaseError> {
        let url = format!("{}/{}?on_conflict=id", self.base, self.table.named(table));
        let request = || {
            let request = self.http.request(Method::POST, &url).json(rows).timeout(READ);
            request.header("Prefer", "resolution=merge-duplicates,return=minimal")
        };
        self.patiently(request).await.map(nothing)
    }

    /// Changes columns of the rows that a query names.
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

    /// Sends what may be sent again, until there is an answer that will not change.
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

/// A request that did not go well.
struct FailedRequest {
    error: SupabaseError,
    /// Whether the same may go well later.
    may_pass: bool,
    /// When the server wants it tried again.
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

/// Reads an answer; where nothing is said, that is `null`. What is wrong with it is not quoted, for it may hold anything.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FailedRequest> {
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| {
        let is_json = error.is_data();
        let what = if is_json { "it has an unexpected form" } else { "it is not JSON" };
        // An answer that was cut on its way.
        FailedRequest { error: SupabaseError::answer(what), may_pass: error.is_eof(), after: None }
    })
}

/// What is said after writing is of no interest.
fn nothing(_: IgnoredAny) {}

/// Tells whether a refusal is one of the moment: a proxy without a server behind it, a database that wakes up or is busy.
fn may_pass(status: StatusCode, refusal: &PostgrestRefusal) -> bool {
    match refusal.code.as_deref() {
        // PT423: the first sending of an apply may still be at work when its answer was lost.
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

/// A secret key goes in `apikey` alone, where the gateway takes it; a legacy key is a token, and goes in both.
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
