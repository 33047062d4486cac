//! The hub: Meltano's catalog of plugins over HTTP, and its local copy for use without a network.

mod error;
mod hub_cache;

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{RequestBuilder, Response, StatusCode, Url, retry};

use crate::net::authorities::{Authorities, NoClient};
use crate::net::body;
use spile_core::connector::Role;
use spile_core::definition::{Indexed, MOST_BYTES};
use spile_core::secret::Secret;

pub use error::HubError;
pub use hub_cache::{HubCache, Index, KeptPlugin};

/// The address of Meltano's own hub.
const PUBLIC: &str = "https://hub.meltano.com";

/// The timeout of one request.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of a hub.
#[derive(Debug, Clone)]
pub struct Hub {
    http: reqwest::Client,
    root: String,
}

/// The address of a hub, as set in the variables that Meltano also reads.
#[derive(Debug)]
pub struct Address {
    /// The root of its API.
    root: String,
    /// The value of the `Authorization` header.
    authorization: Option<Secret>,
}

/// A definition that the hub returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubResponse {
    /// Its text.
    pub text: String,
    /// The `ETag` that tells whether it has changed.
    pub etag: Option<String>,
}

impl Address {
    /// Reads `MELTANO_HUB_API_ROOT`, `MELTANO_HUB_URL` and `MELTANO_HUB_URL_AUTH` from the user's environment. `asked`
    /// replaces the address, and that hub is not sent the authorization.
    #[must_use]
    pub fn of(asked: Option<&str>, variables: fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| variables(name).filter(|value| !value.trim().is_empty());
        let api = |hub: &str| format!("{}/meltano/api/v1", hub.trim().trim_end_matches('/'));
        if let Some(asked) = asked {
            return Self { root: api(asked), authorization: None };
        }
        let root = said("MELTANO_HUB_API_ROOT").map(|root| root.trim().trim_end_matches('/').to_owned());
        let root = root.unwrap_or_else(|| api(said("MELTANO_HUB_URL").as_deref().unwrap_or(PUBLIC)));
        Self { root, authorization: said("MELTANO_HUB_URL_AUTH").map(Secret::new) }
    }
}

impl Hub {
    /// Creates a client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address is not valid, or the machine's certificates cannot be read.
    pub fn new(address: &Address, authorities: &Authorities) -> Result<Self, HubError> {
        let url = Url::parse(&address.root).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let host = url.as_ref().and_then(Url::host_str).map(str::to_owned);
        let host = host.ok_or_else(|| HubError::Address { root: address.root.clone() })?;
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        if let Some(authorization) = &address.authorization {
            let mut value = HeaderValue::from_str(authorization.expose()).map_err(|_| HubError::Authorization)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let passes = |status: StatusCode| status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        let again = retry::for_host(host).max_retries_per_request(2).classify_fn(move |asked| {
            let may_pass = asked.error().is_some() || asked.status().is_some_and(passes);
            if may_pass { asked.retryable() } else { asked.success() }
        });
        let client = authorities.client().map_err(|source| HubError::Client { source })?;
        let http = client
            .default_headers(headers)
            .timeout(PATIENCE)
            .retry(again)
            .gzip(true)
            .build()
            .map_err(|error| HubError::Client { source: NoClient::tls(error) })?;
        Ok(Self { http, root: address.root.clone() })
    }

    /// Returns the root of its API.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Fetches the list of plugins of a role.
    ///
    /// # Errors
    /// When the hub does not respond, or with something else.
    pub async fn index(&self, role: Role) -> Result<String, HubError> {
        let request = self.http.get(format!("{}/plugins/{}/index", self.root, role.plural()));
        let (_, text) = self.ask(request).await?;
        Ok(text)
    }

    /// Fetches a definition; `None` if it has not changed since `etag`.
    ///
    /// # Errors
    /// When the hub does not respond, or with something else.
    pub async fn definition(&self, plugin: &Indexed, etag: Option<&str>) -> Result<Option<HubResponse>, HubError> {
        let mut request = self.http.get(format!("{}/plugins/{}/{}", self.root, plugin.role.plural(), plugin.name()));
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let (response, text) = self.ask(request).await?;
        if response.status == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(None);
        }
        Ok(Some(HubResponse { text, etag: response.etag }))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<(ResponseHead, String), HubError> {
        let unreached = |source: reqwest::Error| HubError::unreached(&self.root, source);
        let mut response = request.send().await.map_err(unreached)?;
        let head = ResponseHead::of(&response);
        if !head.status.is_success() && head.status != StatusCode::NOT_MODIFIED {
            return Err(HubError::Refused { root: self.root.clone(), status: head.status.as_u16() });
        }
        // A response that is too large is truncated here and refused later because of its size.
        let bytes = body::up_to(&mut response, MOST_BYTES).await.map_err(unreached)?;
        Ok((head, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// The parts of a response besides its text.
struct ResponseHead {
    status: StatusCode,
    etag: Option<String>,
}

impl ResponseHead {
    fn of(response: &Response) -> Self {
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        Self { status: response.status(), etag: etag.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meltanos_variables_set_the_address() {
        assert_eq!(Address::of(None, |_| None).root, "https://hub.meltano.com/meltano/api/v1");
        let one = Address::of(None, |name| (name == "MELTANO_HUB_URL").then(|| "http://h/".to_owned()));
        assert_eq!(one.root, "http://h/meltano/api/v1");
        let root = Address::of(None, |name| Some(format!("http://{name}/")));
        assert_eq!(root.root, "http://MELTANO_HUB_API_ROOT");
        assert!(root.authorization.is_some());
        let asked = Address::of(Some("http://asked"), |name| Some(format!("http://{name}")));
        assert_eq!(asked.root, "http://asked/meltano/api/v1");
        assert!(asked.authorization.is_none(), "a password is not sent elsewhere");
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for root in ["", "hub.meltano.com", "file:///etc/passwd", "ftp://h"] {
            let address = Address { root: root.to_owned(), authorization: None };
            assert!(matches!(Hub::new(&address, &Authorities::default()), Err(HubError::Address { .. })), "{root}");
        }
    }
}
