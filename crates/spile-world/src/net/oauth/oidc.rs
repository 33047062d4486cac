//! Signing in to the pages with a provider of OpenID Connect: its addresses, and the authorization code flow with PKCE.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oauth2::http::{Method, Request};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    PkceCodeChallenge, Scope, TokenUrl,
};
use serde::Deserialize;
use url::Url;

use super::error::OAuthError;
use super::http::Http;
use super::{Pending, ProviderClient, redirect_url};
use crate::Authorities;
use spile_core::secret::Secret;
use spile_core::settings::secure;

/// How long the addresses of a provider are kept.
const ADDRESSES_LAST: Duration = Duration::from_hours(1);

/// What a server is to a provider, as it is registered there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginClientSettings {
    /// The issuer, without a slash at its end.
    pub issuer: String,
    /// The id of the client.
    pub id: String,
    /// Its secret; public clients have none.
    pub secret: Option<Secret>,
    /// What to ask for besides the scope `openid`.
    pub scopes: Vec<String>,
}

/// Signs people in at one provider.
pub struct OidcClient {
    settings: LoginClientSettings,
    provider: String,
    http: Http,
    addresses: tokio::sync::Mutex<Option<(Instant, Arc<Addresses>)>>,
}

/// The addresses of a provider, from its discovery document: OpenID Connect Discovery 1.0, section 3.
#[derive(Debug, Deserialize)]
struct Addresses {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    /// How a client may prove who it is; if the provider does not say, by HTTP basic authentication.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// A sign-in that has begun: what must be known to end it.
pub struct PendingLogin {
    pending: Pending,
    nonce: String,
}

impl PendingLogin {
    /// Returns where the person signs in.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.pending.url
    }

    /// Returns the random text that identifies this sign-in.
    #[must_use]
    pub fn state(&self) -> &str {
        self.pending.state()
    }
}

/// What a provider says about a person. Nothing in it has been verified yet.
pub struct SignedIn {
    /// The token that says who it is.
    pub id_token: Secret,
    /// What the token has to repeat, so that it belongs to this sign-in.
    pub nonce: String,
    /// The address of the keys that verify it.
    pub jwks: Url,
}

impl OidcClient {
    /// Creates a client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(settings: LoginClientSettings, authorities: &Authorities) -> Result<Self, OAuthError> {
        let http = Http::new(authorities).map_err(|source| OAuthError::Client { source })?;
        let host = Url::parse(&settings.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        let provider = host.unwrap_or_else(|| settings.issuer.clone());
        Ok(Self { settings, provider, http, addresses: tokio::sync::Mutex::default() })
    }

    /// Returns the name of the provider, for people: its host.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Begins a sign-in that ends at a redirect address.
    ///
    /// # Errors
    /// When the provider does not say where people sign in.
    pub async fn begin(&self, redirect: &str) -> Result<PendingLogin, OAuthError> {
        let client = self.client(&*self.addresses().await?);
        let nonce = CsrfToken::new_random().secret().clone();
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = std::iter::once("openid").chain(self.settings.scopes.iter().map(String::as_str));
        let request = client
            .authorize_url(CsrfToken::new_random)
            .set_redirect_uri(redirect_url(redirect, &self.provider)?)
            .set_pkce_challenge(challenge)
            .add_scopes(scopes.map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param("nonce", nonce.clone());
        let (url, state) = request.url();
        let pending = Pending { url, state, verifier: Some(verifier), redirect: redirect.to_owned() };
        Ok(PendingLogin { pending, nonce })
    }

    /// Ends a sign-in: exchanges the code in the query of the redirect for a token about the person.
    ///
    /// # Errors
    /// When the query belongs to another sign-in, or the provider refuses, or sends no such token.
    pub async fn end(&self, login: PendingLogin, query: &str) -> Result<SignedIn, OAuthError> {
        let PendingLogin { pending, nonce } = login;
        let code = pending.code(query, &self.provider)?;
        let addresses = self.addresses().await?;
        let client = self.client(&addresses);
        let mut request = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_redirect_uri(redirect_url(&pending.redirect, &self.provider)?);
        if let Some(verifier) = pending.verifier {
            request = request.set_pkce_verifier(verifier);
        }
        let secret = self.settings.secret.as_ref();
        let failed = |error| OAuthError::of(&self.provider, &pending.redirect, error).without(secret);
        let answer = request.request_async(&self.http).await.map_err(failed)?;
        let none = || OAuthError::response(&self.provider, "it contains no ID token");
        let id_token = answer.id_token().ok_or_else(none)?;
        Ok(SignedIn { id_token, nonce, jwks: addresses.jwks_uri.clone() })
    }

    fn client(&self, addresses: &Addresses) -> ProviderClient<EndpointNotSet> {
        let methods = addresses.token_endpoint_auth_methods_supported.as_deref();
        let is_basic = methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"));
        let mut client = Client::new(ClientId::new(self.settings.id.clone()));
        if let Some(secret) = &self.settings.secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        // Without a secret, the id has to be in the body: RFC 6749, section 4.1.3.
        let is_basic = is_basic && self.settings.secret.is_some();
        client
            .set_auth_type(if is_basic { AuthType::BasicAuth } else { AuthType::RequestBody })
            .set_auth_uri(AuthUrl::from_url(addresses.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(addresses.token_endpoint.clone()))
    }

    async fn addresses(&self) -> Result<Arc<Addresses>, OAuthError> {
        let mut kept = self.addresses.lock().await;
        if let Some((_, addresses)) = kept.as_ref().filter(|(at, _)| at.elapsed() < ADDRESSES_LAST) {
            return Ok(addresses.clone());
        }
        let addresses = Arc::new(self.ask().await?);
        *kept = Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }

    async fn ask(&self) -> Result<Addresses, OAuthError> {
        let issuer = &self.settings.issuer;
        let unreached = |why: String| OAuthError::Unreached { provider: self.provider.clone(), why };
        let address = format!("{issuer}/.well-known/openid-configuration");
        let request = Request::builder().method(Method::GET).uri(address).body(Vec::new());
        let request = request.map_err(|error| unreached(error.to_string()))?;
        let answer = self.http.call(request).await.map_err(|fault| unreached(fault.to_string()))?;
        if !answer.status().is_success() {
            return Err(unreached(format!("status {} for its discovery document", answer.status().as_u16())));
        }
        let wrong = |why: &str| OAuthError::response(&self.provider, why);
        let found: Addresses = serde_json::from_slice(answer.body())
            .map_err(|_| wrong("its discovery document lacks an address that OpenID Connect requires"))?;
        if found.issuer.trim_end_matches('/') != issuer {
            return Err(wrong("its discovery document names another issuer"));
        }
        let all = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
        if all.iter().any(|url| secure(url.as_str()).is_err()) {
            return Err(wrong("its discovery document has an address without TLS"));
        }
        Ok(found)
    }
}
