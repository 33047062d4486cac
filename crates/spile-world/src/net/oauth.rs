//! Signing in with OAuth 2.0: the requests to the provider of a source, and to the one that people sign in with ([`oidc`]).

mod error;
mod http;
pub mod oidc;
mod token;

use std::borrow::Cow;
use std::time::Duration;

use oauth2::basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardDeviceAuthorizationResponse, StandardRevocableToken, TokenUrl,
};
use url::Url;

use crate::Authorities;
use http::Http;
use spile_core::connector::OAuth;
use spile_core::connector::oauth::{ClientAuth, Endpoints, TokenSetting};
use spile_core::secret::Secret;
use token::TokenAnswer;

pub use error::OAuthError;

/// The client of the library, with the addresses that every sign-in needs, and perhaps one for other devices.
type ProviderClient<Device> = Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    Device,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The application that a person signs in to, as registered at the provider.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Its id.
    pub id: Secret,
    /// Its secret; public clients have none.
    pub secret: Option<Secret>,
}

/// A client of one provider, for the settings of one integration.
pub struct OAuthClient {
    client: ProviderClient<EndpointMaybeSet>,
    http: Http,
    oauth: OAuth,
    provider: String,
    secret: Option<Secret>,
}

/// A sign-in that has begun: what must be known to end it.
pub struct Pending {
    /// Where a person signs in.
    pub url: Url,
    /// The random text that the provider sends back.
    state: CsrfToken,
    verifier: Option<PkceCodeVerifier>,
    redirect: String,
}

/// A code that a person types on another device.
pub struct DeviceCode(StandardDeviceAuthorizationResponse);

impl DeviceCode {
    /// Returns where the person types it.
    #[must_use]
    pub fn address(&self) -> &str {
        self.0.verification_uri().as_str()
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.user_code().secret()
    }
}

impl Pending {
    /// Returns the random text that identifies this sign-in.
    #[must_use]
    pub fn state(&self) -> &str {
        self.state.secret()
    }

    /// Returns the redirect address.
    #[must_use]
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Returns the code in the query that the provider sent a browser back with.
    ///
    /// # Errors
    /// When the query belongs to another sign-in, or reports an error.
    pub fn code(&self, query: &str, provider: &str) -> Result<Secret, OAuthError> {
        let parameter = |name: &str| parameter(query, name);
        if parameter("state").as_deref() != Some(self.state()) {
            return Err(OAuthError::State);
        }
        if let Some(code) = parameter("error") {
            return Err(OAuthError::refused(
                provider,
                &self.redirect,
                &code,
                parameter("error_description").as_deref(),
            ));
        }
        let code = parameter("code").filter(|code| !code.is_empty());
        code.map(Secret::new).ok_or_else(|| OAuthError::response(provider, "it sent no code"))
    }
}

impl OAuthClient {
    /// Creates a client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(
        oauth: &OAuth,
        endpoints: Endpoints,
        registered: &Registered,
        provider: &str,
        authorities: &Authorities,
    ) -> Result<Self, OAuthError> {
        let mut client = Client::new(ClientId::new(registered.id.expose().to_owned()));
        if let Some(secret) = &registered.secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        let auth = match oauth.client_auth {
            ClientAuth::Body => AuthType::RequestBody,
            ClientAuth::Basic => AuthType::BasicAuth,
        };
        let client = client
            .set_auth_type(auth)
            .set_auth_uri(AuthUrl::from_url(endpoints.authorize))
            .set_token_uri(TokenUrl::from_url(endpoints.token))
            .set_device_authorization_url_option(endpoints.device.map(DeviceAuthorizationUrl::from_url));
        let http = Http::new(authorities).map_err(|source| OAuthError::Client { source })?;
        let (oauth, provider, secret) = (oauth.clone(), provider.to_owned(), registered.secret.clone());
        Ok(Self { client, http, oauth, provider, secret })
    }

    /// Begins a sign-in that ends at a redirect address.
    ///
    /// # Errors
    /// When it is not an address.
    pub fn begin(&self, redirect: &str) -> Result<Pending, OAuthError> {
        let mut request =
            self.client.authorize_url(CsrfToken::new_random).set_redirect_uri(redirect_url(redirect, &self.provider)?);
        if let Some(scope) = self.oauth.scope() {
            request = request.add_scope(Scope::new(scope));
        }
        for (name, value) in &self.oauth.parameters {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        let mut verifier = None;
        if self.oauth.pkce {
            let (challenge, secret) = PkceCodeChallenge::new_random_sha256();
            request = request.set_pkce_challenge(challenge);
            verifier = Some(secret);
        }
        let (url, state) = request.url();
        Ok(Pending { url, state, verifier, redirect: redirect.to_owned() })
    }

    /// Ends a sign-in: exchanges the code in the query of the redirect for the token that the definition names.
    ///
    /// # Errors
    /// When the query belongs to another sign-in, or the provider refuses, or sends no such token.
    pub async fn end(&self, pending: Pending, query: &str) -> Result<Secret, OAuthError> {
        let code = pending.code(query, &self.provider)?;
        let Pending { verifier, redirect, .. } = pending;
        let code = AuthorizationCode::new(code.expose().to_owned());
        let mut request = self.client.exchange_code(code).set_redirect_uri(redirect_url(&redirect, &self.provider)?);
        if let Some(verifier) = verifier {
            request = request.set_pkce_verifier(verifier);
        }
        let answer = request.request_async(&self.http).await;
        self.token(
            &answer.map_err(|error| OAuthError::of(&self.provider, &redirect, error).without(self.secret.as_ref()))?,
        )
    }

    /// Asks for a code that a person types on another device.
    ///
    /// # Errors
    /// When the definition has no address for that, or the provider refuses.
    pub async fn begin_on_device(&self) -> Result<DeviceCode, OAuthError> {
        let none = |_| OAuthError::NoDevice { provider: self.provider.clone() };
        let mut request = self.client.exchange_device_code().map_err(none)?;
        if let Some(scope) = self.oauth.scope() {
            request = request.add_scope(Scope::new(scope));
        }
        let answer = request.request_async(&self.http).await;
        answer.map(DeviceCode).map_err(|error| OAuthError::of(&self.provider, "", error).without(self.secret.as_ref()))
    }

    /// Waits until a person has typed the code, and returns the token that the definition names.
    ///
    /// # Errors
    /// When the person declines or takes too long, or the provider sends no such token.
    pub async fn end_on_device(&self, code: &DeviceCode, patience: Duration) -> Result<Secret, OAuthError> {
        let request = self.client.exchange_device_access_token(&code.0);
        let answer = request.request_async(&self.http, tokio::time::sleep, Some(patience)).await;
        self.token(&answer.map_err(|error| OAuthError::of_device(&self.provider, error).without(self.secret.as_ref()))?)
    }

    fn token(&self, answer: &TokenAnswer) -> Result<Secret, OAuthError> {
        let token = match self.oauth.token {
            TokenSetting::RefreshToken(_) => answer.refresh_token(),
            TokenSetting::AccessToken(_) => answer.access_token(),
        };
        token.ok_or_else(|| OAuthError::NoRefreshToken { provider: self.provider.clone() })
    }
}

fn redirect_url(address: &str, provider: &str) -> Result<Cow<'static, RedirectUrl>, OAuthError> {
    let wrong = |_| OAuthError::Redirect { provider: provider.to_owned(), redirect: address.to_owned() };
    RedirectUrl::new(address.to_owned()).map(Cow::Owned).map_err(wrong)
}

/// Returns a parameter in the query that a provider sends a browser back with.
#[must_use]
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
