//! Authentication: by a session, by a token of this server, or by a token of a trusted provider.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use super::app::App;
use super::caller::Caller;
use super::refusal::Refusal;
use spile_world::Tokens;

/// The header that carries the token against forged requests.
const CSRF: &str = "x-csrf-token";

impl Caller {
    /// Authenticates a request, without counting it against a rate limit of changes.
    ///
    /// # Errors
    /// If the caller is unknown.
    pub(super) async fn of(parts: &Parts, app: &App) -> Result<Self, Refusal> {
        let Some(authorization) = parts.headers.get(AUTHORIZATION) else {
            return app.sessions().find(&parts.headers).ok_or_else(|| unauthorized("you are not signed in"));
        };
        let token = authorization.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
        let found = match token {
            None => Err(unauthorized("the `Authorization` header is not `Bearer TOKEN`")),
            Some(token) => Self::by_token(token, app).await,
        };
        // Valid credentials work regardless of how many wrong ones others try.
        found.map_err(|refusal| app.attempts().take(&from(parts)).err().unwrap_or(refusal))
    }

    async fn by_token(token: &str, app: &App) -> Result<Self, Refusal> {
        match app.jwts() {
            Some(jwts) if !Tokens::is_one(token) => Ok(jwts.bearer(token).await?.who),
            _ => app
                .tokens()
                .find(token)
                .map(Self::bearer)
                .ok_or_else(|| unauthorized("the token is unknown or revoked")),
        }
    }
}

/// Returns the address of a request. IPv6 users have a whole network, so its prefix counts.
pub fn from(parts: &Parts) -> String {
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    match address.map(|ConnectInfo(address)| address.ip().to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        None => String::new(),
    }
}

fn unauthorized(detail: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "spile::http::unauthorized", detail)
        .help("sign in at `/login`, or send `Authorization: Bearer TOKEN` with a token from `spile tokens new`")
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let who = Self::of(parts, app).await?;
        let is_read = is_read(&parts.method);
        // Forms send the token in a field, which their handlers check.
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
        let is_form = !path.starts_with("/api/");
        let brought = parts.headers.get(CSRF).and_then(|value| value.to_str().ok());
        if !is_read && !is_form && who.csrf.is_some() && brought != who.csrf.as_deref() {
            let detail = "the session's `X-CSRF-Token` header is missing or wrong";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::csrf", detail)
                .help("programs should use a token: `spile tokens new`"));
        }
        // Checking a field changes nothing.
        if !is_read && !path.starts_with("/check/") {
            app.writes_of().take(&who.subject)?;
        }
        Ok(who)
    }
}

/// Tells whether a method only reads.
pub fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
