//! Who asks: somebody with a session, or a program with a token; and what they may do.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::app::App;
use super::guard::is_read;
use super::refusal::Refusal;
use crate::world::Tokens;
use crate::world::git::Author;

pub use crate::world::tokens::Role;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Who they are: what is counted, remembered and answered for them is for nobody else, whatever else is called the same.
    pub subject: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What a form of theirs has to bring; programs with a token bring that instead.
    pub csrf: Option<String>,
}

/// How a page or a program brings what protects a session from forms of others.
const CSRF: &str = "x-csrf-token";

impl Who {
    /// Names somebody who came in without a form.
    #[must_use]
    pub fn with(subject: String, name: String, role: Role) -> Self {
        Self { subject, name, role, csrf: None }
    }

    /// Returns who has typed the code.
    #[must_use]
    pub fn admin() -> Self {
        Self::with("session".to_owned(), "admin".to_owned(), Role::Admin)
    }

    /// Refuses who may not.
    ///
    /// # Errors
    /// When the role is too low.
    pub fn may(&self, role: Role) -> Result<(), Refusal> {
        if self.role >= role {
            return Ok(());
        }
        let detail = format!("this takes the role `{}`, and `{}` has `{}`", role.word(), self.name, self.role.word());
        Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::role", detail).help("ask somebody who has it"))
    }

    /// Returns them as who makes a commit.
    #[must_use]
    pub fn author(&self) -> Author {
        let is_address = self.name.contains('@');
        let email = if is_address { self.name.clone() } else { "spile@localhost".to_owned() };
        Author { name: self.name.clone(), email }
    }

    /// Finds out who asks, and counts nothing.
    ///
    /// # Errors
    /// When it is nobody who is known.
    pub(super) async fn of(parts: &Parts, app: &App) -> Result<Self, Refusal> {
        let Some(authorization) = parts.headers.get(AUTHORIZATION) else {
            return app.sessions().find(&parts.headers).ok_or_else(|| unauthorized("nobody is signed in"));
        };
        let token = authorization.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
        let found = match token {
            None => Err(unauthorized("`Authorization` is no `Bearer TOKEN`")),
            Some(token) => Self::by_token(token, app).await,
        };
        // Whoever brings what holds is let in however many others try.
        found.map_err(|refusal| app.attempts().take(&from(parts)).err().unwrap_or(refusal))
    }

    async fn by_token(token: &str, app: &App) -> Result<Self, Refusal> {
        match app.jwts() {
            Some(jwts) if !Tokens::is_one(token) => Ok(jwts.bearer(token).await?.who),
            _ => {
                let found = app.tokens().find(token);
                let found = found.map(|token| Self::with(format!("token:{}", token.name), token.name, token.role));
                found.ok_or_else(|| unauthorized("the token is not known here, or has been revoked"))
            }
        }
    }
}

/// Returns where a request comes from. Of IPv6 somebody has not one address but a network of them.
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
        .help("sign in at `/login`, or send `Authorization: Bearer TOKEN`: `spile tokens new` makes one")
}

impl FromRequestParts<App> for Who {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let who = Self::of(parts, app).await?;
        let is_read = is_read(&parts.method);
        // Forms bring it in a field, which their handlers look at.
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
        let is_form = !path.starts_with("/api/");
        let brought = parts.headers.get(CSRF).and_then(|value| value.to_str().ok());
        if !is_read && !is_form && who.csrf.is_some() && brought != who.csrf.as_deref() {
            let detail = "a session has to bring its `X-CSRF-Token`";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::csrf", detail)
                .help("programs use a token: `spile tokens new`"));
        }
        // What only looks at a field changes nothing.
        if !is_read && !path.starts_with("/check/") {
            app.writes_of().take(&who.subject)?;
        }
        Ok(who)
    }
}
