//! The public keys of an OpenID Connect provider. They are fetched when an unknown key is needed, and periodically.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse};
use url::Url;

use crate::Authorities;

/// How long the fetched keys are considered complete.
const KEYS_LAST: Duration = Duration::from_mins(10);

/// The shortest time between two fetches because of an unknown key, so that invalid tokens cannot cause a flood of
/// requests.
const PAUSE: Duration = Duration::from_secs(30);

/// The shortest time until the next fetch after the provider did not respond.
const PAUSE_WHEN_AWAY: Duration = Duration::from_secs(5);

/// The timeout of a request to the provider.
const PATIENCE: Duration = Duration::from_secs(10);

/// The keys of one provider.
#[derive(Clone)]
pub struct Jwks(Arc<Inner>);

struct Inner {
    url: Url,
    http: Option<reqwest::Client>,
    known: Mutex<CachedKeys>,
    /// Held by the task that fetches, so that others wait for its result.
    asking: tokio::sync::Mutex<()>,
}

/// The cached keys of the provider.
#[derive(Default)]
struct CachedKeys {
    keys: Option<Arc<JwkSet>>,
    /// When the provider was last asked, and the reason if it did not respond.
    asked: Option<(Instant, Option<String>)>,
}

/// Why a key is not available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoJwk {
    /// The provider has no such key.
    Unknown,
    /// The provider does not respond, with the reason.
    Away(String),
}

impl CachedKeys {
    /// Returns the key that can verify this algorithm's signatures and has this id, if an id is given. Returns `None`
    /// if several keys match, because none of them is clearly meant.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Jwk> {
        let is_named = |key: &Jwk| id.is_none_or(|id| key.common.key_id.as_deref() == Some(id));
        let mut found = self.keys.as_ref()?.keys.iter().filter(|key| is_named(key) && may_check(key, algorithm));
        found.next().filter(|_| found.next().is_none()).cloned()
    }

    /// Tells whether the provider was asked too recently to ask it again because of an unknown key.
    fn is_recent(&self) -> bool {
        let pause = |why: &Option<String>| if why.is_some() { PAUSE_WHEN_AWAY } else { PAUSE };
        self.asked.as_ref().is_some_and(|(at, why)| at.elapsed() < pause(why))
    }

    fn is_fresh(&self) -> bool {
        self.asked.as_ref().is_some_and(|(at, why)| why.is_none() && at.elapsed() < KEYS_LAST) || self.is_recent()
    }

    fn missing(&self) -> NoJwk {
        match &self.asked {
            Some((_, Some(why))) if self.keys.is_none() => NoJwk::Away(why.clone()),
            _ => NoJwk::Unknown,
        }
    }
}

/// Tells whether a key can verify signatures of an algorithm: it is of that type, and its provider does not restrict it
/// to other uses (RFC 7517, sections 4.2 to 4.4).
fn may_check(key: &Jwk, algorithm: Algorithm) -> bool {
    let common = &key.common;
    common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|may| may.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|only| only == KeyAlgorithm::from(algorithm))
        && is_of_kind(&key.algorithm, algorithm)
}

fn is_of_kind(key: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => matches!(key, AlgorithmParameters::RSA(_)),
        Algorithm::ES256 => is_on(key, &EllipticCurve::P256),
        Algorithm::ES384 => is_on(key, &EllipticCurve::P384),
        Algorithm::EdDSA => is_on(key, &EllipticCurve::Ed25519),
        // A shared secret is not a public key.
        _ => false,
    }
}

fn is_on(key: &AlgorithmParameters, curve: &EllipticCurve) -> bool {
    match key {
        AlgorithmParameters::EllipticCurve(key) => key.curve == *curve,
        AlgorithmParameters::OctetKeyPair(key) => key.curve == *curve,
        _ => false,
    }
}

impl Jwks {
    /// Creates a client for the keys at a URL. Nothing is sent yet.
    #[must_use]
    pub fn at(url: Url, authorities: &Authorities) -> Self {
        let client = authorities.client().ok();
        let http = client.map(|client| client.timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()));
        let http = http.and_then(|client| client.build().ok());
        Self(Arc::new(Inner { url, http, known: Mutex::default(), asking: tokio::sync::Mutex::default() }))
    }

    /// Returns the key with this id, or the only key, that can verify signatures of an algorithm. A known key is
    /// returned immediately, even if the provider is slow to confirm it: valid keys do not become invalid while their
    /// provider is unreachable.
    ///
    /// # Errors
    /// When the provider has no such key, or does not respond.
    pub async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Jwk, NoJwk> {
        let (found, is_fresh) = self.with(|known| (known.find(id, algorithm), known.is_fresh()));
        if let Some(key) = found {
            if !is_fresh {
                let own = self.clone();
                tokio::spawn(async move { own.ask_unless(CachedKeys::is_fresh).await });
            }
            return Ok(key);
        }
        self.ask_unless(CachedKeys::is_recent).await;
        self.with(|known| known.find(id, algorithm).ok_or_else(|| known.missing()))
    }

    /// Asks the provider, unless another task has done so in the meantime.
    async fn ask_unless(&self, is_done: fn(&CachedKeys) -> bool) {
        if self.with(|known| is_done(known)) {
            return;
        }
        let _asking = self.0.asking.lock().await;
        if self.with(|known| is_done(known)) {
            return;
        }
        let answer = self.ask().await;
        self.with(|known| {
            let (keys, why) = match answer {
                Ok(keys) => (Some(Arc::new(keys)), None),
                Err(why) => (known.keys.take(), Some(why)),
            };
            (known.keys, known.asked) = (keys, Some((Instant::now(), why)));
        });
    }

    async fn ask(&self) -> Result<JwkSet, String> {
        let http = self.0.http.as_ref().ok_or("no HTTPS client")?;
        let response = http.get(self.0.url.clone()).send().await.map_err(|_| "no response")?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let bytes = response.bytes().await.map_err(|_| "the response was cut off")?;
        Ok(serde_json::from_slice(&bytes).map_err(|_| "the response is not a set of keys")?)
    }

    fn with<T>(&self, work: impl FnOnce(&mut CachedKeys) -> T) -> T {
        work(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(keys: &[Value], id: Option<&str>, algorithm: Algorithm) -> Option<String> {
        let keys = serde_json::from_value(json!({ "keys": keys })).unwrap();
        let known = CachedKeys { keys: Some(Arc::new(keys)), asked: None };
        known.find(id, algorithm)?.common.key_id
    }

    fn rsa(id: &str, more: &Value) -> Value {
        with(json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": id }), more)
    }

    fn with(mut key: Value, more: &Value) -> Value {
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    #[test]
    fn a_key_verifies_only_what_its_provider_allows() {
        for (more, may) in [
            (json!({}), true),
            (json!({ "use": "sig", "alg": "RS256", "key_ops": ["verify"] }), true),
            (json!({ "use": "enc" }), false),
            (json!({ "use": "other" }), false),
            (json!({ "alg": "RS512" }), false),
            (json!({ "alg": "PS256" }), false),
            (json!({ "alg": "RSA-OAEP" }), false),
            (json!({ "alg": "of tomorrow" }), false),
            (json!({ "key_ops": ["encrypt"] }), false),
            (json!({ "key_ops": [] }), false),
        ] {
            let key = [rsa("a", &more)];
            for id in [Some("a"), None] {
                assert_eq!(found(&key, id, Algorithm::RS256).is_some(), may, "{more}");
            }
            assert_eq!(found(&key, Some("b"), Algorithm::RS256), None);
        }
    }

    #[test]
    fn a_key_of_another_type_verifies_nothing() {
        let curve = |kty: &str, crv: &str| json!({ "kty": kty, "crv": crv, "x": "AA", "y": "AA", "kid": "a" });
        let keys = [
            (rsa("a", &json!({})), vec![Algorithm::RS256, Algorithm::PS512]),
            (curve("EC", "P-256"), vec![Algorithm::ES256]),
            (curve("EC", "P-384"), vec![Algorithm::ES384]),
            (curve("EC", "P-521"), vec![]),
            (curve("OKP", "Ed25519"), vec![Algorithm::EdDSA]),
            (json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "a" }), vec![]),
        ];
        let all = [
            Algorithm::RS256,
            Algorithm::PS512,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::EdDSA,
            Algorithm::HS256,
            Algorithm::HS512,
        ];
        for (key, checks) in keys {
            for algorithm in all {
                let may = found(std::slice::from_ref(&key), Some("a"), algorithm).is_some();
                assert_eq!(may, checks.contains(&algorithm), "{key} {algorithm:?}");
            }
        }
    }

    #[test]
    fn a_key_is_found_only_if_exactly_one_with_its_id_is_suitable() {
        let (signs, encrypts) = (rsa("a", &json!({ "use": "sig" })), rsa("a", &json!({ "use": "enc" })));
        assert!(found(&[encrypts.clone(), signs.clone()], Some("a"), Algorithm::RS256).is_some());
        assert!(found(&[encrypts, signs.clone()], None, Algorithm::RS256).is_some());
        assert_eq!(found(&[signs.clone(), signs], Some("a"), Algorithm::RS256), None);
    }
}
