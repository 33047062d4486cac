//! A provider's tokens: JWTs signed by Supabase Auth, or by any OpenID Connect provider.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::caller::{Caller, Role};
use super::refusal::Refusal;
use spile_core::digest::hash;
use spile_world::net::jwks::NoJwk;
use spile_world::{Authorities, Jwks};

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// Signatures made with a private key. Shared secrets are not accepted: anyone who can verify such a signature can make
/// it.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The provider whose tokens are trusted, and what to read from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The issuer: the `iss` of a token.
    pub issuer: String,
    /// The address of the issuer's public keys.
    pub jwks: Url,
    /// The audience: the `aud` of a token.
    pub audience: String,
    /// The claim that contains the role, as a dotted path: `app_metadata.role`.
    pub role: String,
}

/// Verifies tokens.
pub struct Jwts {
    trust: Trust,
    keys: Jwks,
}

/// The caller that a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The caller, and their role.
    pub who: Caller,
    /// When the token expires.
    pub until: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: Option<String>,
    /// `NumericDate`: seconds, which may have a fraction.
    exp: serde_json::Number,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl Jwts {
    /// Trusts one provider; sends it no request yet.
    pub fn of(trust: Trust, authorities: &Authorities) -> Self {
        Self { keys: Jwks::at(trust.jwks.clone(), authorities), trust }
    }

    /// Returns the caller that a token names.
    ///
    /// # Errors
    /// If the token is not from the provider, is for another audience, has expired or has no role; or the keys cannot
    /// be fetched.
    pub async fn bearer(&self, token: &str) -> Result<Bearer, Refusal> {
        let claims = self.claims(token).await?;
        let until = end(&claims.exp).ok_or_else(|| refused("its expiration time is invalid"))?;
        Ok(Bearer { who: self.caller(token, &claims)?, until })
    }

    /// Returns the person that an ID token is about, which belongs to the sign-in with this nonce: OpenID Connect Core 1.0,
    /// section 3.1.3.7.
    ///
    /// # Errors
    /// As for [`Jwts::bearer`], and if the token belongs to another sign-in or client.
    pub async fn signed_in(&self, id_token: &str, nonce: &str) -> Result<Caller, Refusal> {
        let claims = self.claims(id_token).await?;
        let text = |name: &str| claims.more.get(name).and_then(Value::as_str);
        if text("nonce") != Some(nonce) {
            return Err(refused("it belongs to another sign-in"));
        }
        if text("azp").is_some_and(|party| party != self.trust.audience) {
            return Err(refused("it is for another client"));
        }
        self.caller(id_token, &claims)
    }

    /// Returns what a token says, once its signature, its issuer, its audience and its time have been verified.
    async fn claims(&self, token: &str) -> Result<Claims, Refusal> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("it is not a valid JWT"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("it is not signed with an asymmetric algorithm"));
        }
        // RFC 7515, section 4.1.11: a token with a critical header that the reader does not understand is invalid. None
        // is understood here.
        if header.crit.is_some() {
            return Err(refused("it has an unknown critical header"));
        }
        let jwk = self.key(header.kid.as_deref(), header.alg).await?;
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| refused("the type of its key is not supported"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        // Some providers write their issuer with a slash at the end.
        validation.set_issuer(&[self.trust.issuer.clone(), format!("{}/", self.trust.issuer)]);
        validation.set_audience(&[&self.trust.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        Ok(claims.map_err(|error| refused(why(error.kind())))?.claims)
    }

    fn caller(&self, token: &str, claims: &Claims) -> Result<Caller, Refusal> {
        let role = role(&claims.more, &self.trust.role).ok_or_else(|| {
            let detail = format!("the token has no valid role in its claim `{}`", self.trust.role);
            Refusal::new(StatusCode::FORBIDDEN, "spile::http::role", detail)
                .help("have the provider set that claim to `viewer`, `editor` or `admin`")
        })?;
        // In many providers, users choose their own names; only the provider sets the subject.
        let subject = claims.sub.clone().unwrap_or_else(|| hash(token.as_bytes()));
        let subject = format!("jwt:{}#{subject}", self.trust.issuer);
        Ok(Caller::with(subject, name(claims), role))
    }

    async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Jwk, Refusal> {
        self.keys.key(id, algorithm).await.map_err(|none| match none {
            NoJwk::Unknown => refused("its issuer has no matching key"),
            NoJwk::Away(why) => {
                let detail = format!("cannot fetch the keys of `{}`: {why}", self.trust.issuer);
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "spile::http::jwks", detail)
                    .help("check `--jwt-jwks`, and that the server can reach it")
            }
        })
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "spile::http::unauthorized", format!("the token is not valid: {why}"))
        .help("get a new token from the provider")
}

fn why(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "it has a different issuer",
        ErrorKind::InvalidAudience => "it is for a different audience",
        ErrorKind::InvalidSignature => "its signature is invalid",
        ErrorKind::MissingRequiredClaim(_) => "its issuer, audience or expiration time is missing",
        _ => "it is not a valid JWT",
    }
}

/// Returns when a token expires, rounded down to whole seconds: a session must not outlast the token that started it.
fn end(exp: &serde_json::Number) -> Option<Timestamp> {
    let seconds =
        exp.as_i64().or_else(|| exp.as_f64().and_then(|seconds| format!("{:.0}", seconds.floor()).parse().ok()))?;
    Timestamp::from_second(seconds).ok()
}

fn name(claims: &Claims) -> String {
    let mut named = ["email", "preferred_username", "name"].into_iter();
    let named = named.find_map(|key| claims.more.get(key)?.as_str().filter(|name| !name.trim().is_empty()));
    named.or(claims.sub.as_deref()).unwrap_or("somebody").chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Returns the highest role in a claim, which is a word or a list of words.
fn role(claims: &BTreeMap<String, Value>, path: &str) -> Option<Role> {
    // A claim's name may contain dots: `https://example.com/role`.
    let claim = claims.get(path).or_else(|| {
        let mut parts = path.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })?;
    let words = match claim {
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        Value::String(word) => vec![word.as_str()],
        _ => Vec::new(),
    };
    let known = Role::WORDS.into_iter().filter(|(word, _)| words.contains(word));
    known.map(|(_, role)| role).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_may_expire_at_a_fraction_of_a_second() {
        let end = |value: Value| super::end(value.as_number().unwrap()).map(Timestamp::as_second);
        assert_eq!(end(json!(1_700_000_000)), Some(1_700_000_000));
        assert_eq!(end(json!(1_700_000_000.75)), Some(1_700_000_000));
        assert_eq!(end(json!(1.7e9)), Some(1_700_000_000));
        for far in [json!(1e300), json!(u64::MAX), json!(-1e300)] {
            assert_eq!(end(far), None);
        }
    }

    #[test]
    fn roles_are_found_where_providers_put_them() {
        let found = |claims: Value, path: &str| role(&serde_json::from_value(claims).unwrap(), path);
        assert_eq!(found(json!({"app_metadata": {"role": "editor"}}), "app_metadata.role"), Some(Role::Editor));
        assert_eq!(found(json!({"groups": ["staff", "viewer", "admin"]}), "groups"), Some(Role::Admin));
        assert_eq!(found(json!({"https://x.y/role": "viewer"}), "https://x.y/role"), Some(Role::Viewer));
        for (claims, path) in [
            (json!({"role": "authenticated"}), "role"),
            (json!({}), "a.b"),
            (json!({"a": 1}), "a"),
            (json!({"user_metadata": {"role": "admin"}}), "app_metadata.role"),
        ] {
            assert_eq!(found(claims, path), None);
        }
    }
}
