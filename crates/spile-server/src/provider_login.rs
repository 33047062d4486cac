//! Signing in to the pages with a provider of OpenID Connect.

use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderValue};

use super::caller::Caller;
use super::jwt::{Jwts, Trust};
use super::limits::Limit;
use super::pending_sign_ins::{LASTS, PendingSignIns};
use super::refusal::Refusal;
use super::session::{cookie, secure_for};
use super::setup::Setup;
use spile_world::Authorities;
use spile_world::net::oauth::oidc::{OidcClient, PendingLogin};
use spile_world::net::oauth::{OAuthError, parameter};

/// The path that the provider sends the browser back to.
pub const CALLBACK: &str = "/login/callback";

/// How many sign-ins may have begun at a time: nobody needs to be signed in to begin one.
const MOST: usize = 10_000;

/// How many sign-ins an address may begin in a minute. A whole organization may come from one.
const BEGUN: u32 = 120;

/// The provider that people sign in with, and the sign-ins that have begun.
pub struct ProviderLogin {
    client: OidcClient,
    /// What is trusted in an ID token; its keys are where the provider says.
    trust: Trust,
    authorities: Authorities,
    verifier: OnceLock<Jwts>,
    pending: PendingSignIns<Login>,
    /// Rate limit of sign-ins that begin, by address. That of codes and tokens is another one.
    begun: Limit,
    /// The name of the cookie that binds a sign-in to a browser, for this port.
    cookie: String,
}

/// A sign-in that has begun.
struct Login {
    pending: PendingLogin,
    /// The page to show then.
    next: String,
    /// The address that the provider sends the browser back to.
    redirect: String,
}

/// A sign-in whose browser is on its way to the provider.
pub struct Begun {
    /// Where the person signs in.
    pub url: String,
    /// The cookie to set.
    pub cookie: HeaderValue,
}

/// A person who has signed in.
pub struct Ended {
    /// The person.
    pub who: Caller,
    /// The page to show then.
    pub next: String,
    /// The address at which the browser reaches this server.
    pub redirect: String,
}

/// Why a person is not signed in.
pub enum NotSignedIn {
    /// The provider refuses, or does not answer, or the sign-in belongs to another browser.
    Provider(OAuthError),
    /// What the provider says about the person is not trusted, or is not enough.
    Token(Refusal),
}

impl ProviderLogin {
    /// Returns the provider of a server, if people can sign in there.
    pub fn of(setup: &Setup) -> Option<Self> {
        let (settings, trust) = (setup.provider_login.clone()?, setup.trust.clone()?);
        let authorities = setup.outside.authorities.clone();
        let trust = Trust { audience: settings.id.clone(), ..trust };
        // Without certificates there is no provider; the API reports that for its tokens.
        let client = OidcClient::new(settings, &authorities).ok()?;
        let cookie = format!("spile_login_{}", setup.port);
        let pending = PendingSignIns::at_most(MOST);
        let begun = Limit::per_minute(BEGUN);
        Some(Self { client, trust, authorities, verifier: OnceLock::new(), pending, begun, cookie })
    }

    /// Returns the name of the provider, for people.
    pub fn name(&self) -> &str {
        self.client.provider()
    }

    /// Counts a sign-in that an address begins.
    ///
    /// # Errors
    /// If it has begun too many.
    pub fn count(&self, from: &str) -> Result<(), Refusal> {
        self.begun.take(from)
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// If the provider does not answer.
    pub async fn begin(&self, redirect: String, next: String) -> Result<Begun, OAuthError> {
        let pending = self.client.begin(&redirect).await?;
        let (url, state) = (pending.url().to_string(), pending.state().to_owned());
        let cookie = self.marked(&state, &redirect).ok_or(OAuthError::State)?;
        self.pending.begin(&state, Login { pending, next, redirect });
        Ok(Begun { url, cookie })
    }

    /// Ends a sign-in with the query that the provider sent the browser back with.
    ///
    /// # Errors
    /// If this browser has not begun it, the provider refuses, or its token is not trusted.
    pub async fn end(&self, headers: &HeaderMap, query: &str) -> Result<Ended, NotSignedIn> {
        let state = parameter(query, "state").unwrap_or_default();
        let is_own = cookie(headers, &self.cookie) == Some(&state);
        let login = self.pending.take(&state, |_| is_own).ok_or(NotSignedIn::Provider(OAuthError::State))?;
        let signed_in = self.client.end(login.pending, query).await.map_err(NotSignedIn::Provider)?;
        let keys = || Jwts::of(Trust { jwks: signed_in.jwks.clone(), ..self.trust.clone() }, &self.authorities);
        let verifier = self.verifier.get_or_init(keys);
        let who = verifier.signed_in(signed_in.id_token.expose(), &signed_in.nonce).await;
        Ok(Ended { who: who.map_err(NotSignedIn::Token)?, next: login.next, redirect: login.redirect })
    }

    /// Returns the cookie that binds a sign-in to this browser. The provider's redirect must bring it, so it is sent with
    /// links of other sites.
    fn marked(&self, state: &str, redirect: &str) -> Option<HeaderValue> {
        let (name, seconds) = (&self.cookie, LASTS.as_secs());
        let text = format!("{name}={state}; Path={CALLBACK}; HttpOnly; SameSite=Lax; Max-Age={seconds}");
        HeaderValue::from_str(&text).ok().map(|cookie| secure_for(cookie, redirect.as_bytes()))
    }
}
