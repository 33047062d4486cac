//! The public keys of a provider of OpenID Connect: asked for when one is needed that is not known, and now and then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use url::Url;

/// How long keys are taken to be all there are.
const KEYS_LAST: Duration = Duration::from_mins(10);

/// How soon they are asked for again because of a key that is not known: who sends nonsense causes no flood.
const PAUSE: Duration = Duration::from_secs(30);

/// How soon they are asked for again where there was no answer.
const PAUSE_WHEN_AWAY: Duration = Duration::from_secs(5);

/// How long the provider has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The keys of one provider.
#[derive(Clone)]
pub struct Jwks(Arc<Inner>);

struct Inner {
    url: Url,
    http: Option<reqwest::Client>,
    known: Mutex<Known>,
    /// Who asks, so that the others wait for that answer.
    asking: tokio::sync::Mutex<()>,
}

/// What is known of the provider.
#[derive(Default)]
struct Known {
    keys: Option<Arc<JwkSet>>,
    /// When it was asked last, and why there was no answer where there was none.
    asked: Option<(Instant, Option<String>)>,
}

/// Why a key cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoJwk {
    /// The provider has no such key.
    Unknown,
    /// The provider does not answer, and why.
    Away(String),
}

impl Known {
    /// Returns a key by its id; the only one, where none is named.
    fn find(&self, id: Option<&str>) -> Option<Jwk> {
        let keys = self.keys.as_ref()?;
        match id {
            Some(id) => keys.find(id).cloned(),
            None => keys.keys.first().filter(|_| keys.keys.len() == 1).cloned(),
        }
    }

    /// Tells whether the provider was asked so recently that it is not asked again because of a key that is not known.
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

impl Jwks {
    /// Names where the keys are; nothing is asked yet.
    #[must_use]
    pub fn at(url: Url) -> Self {
        // A second client finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let http = http.user_agent(concat!("spile/", env!("CARGO_PKG_VERSION"))).build().ok();
        Self(Arc::new(Inner { url, http, known: Mutex::default(), asking: tokio::sync::Mutex::default() }))
    }

    /// Returns the key of that id, or the only one. One that is known is given at once, however long the provider takes to
    /// say whether it still has it: keys that were good do not turn bad because their provider is away.
    ///
    /// # Errors
    /// When the provider has no such key, or does not answer.
    pub async fn key(&self, id: Option<&str>) -> Result<Jwk, NoJwk> {
        let (found, is_fresh) = self.with(|known| (known.find(id), known.is_fresh()));
        if let Some(key) = found {
            if !is_fresh {
                let own = self.clone();
                tokio::spawn(async move { own.ask_unless(Known::is_fresh).await });
            }
            return Ok(key);
        }
        self.ask_unless(Known::is_recent).await;
        self.with(|known| known.find(id).ok_or_else(|| known.missing()))
    }

    /// Asks the provider, unless that was done meanwhile by whoever is waited for.
    async fn ask_unless(&self, is_done: fn(&Known) -> bool) {
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
        let http = self.0.http.as_ref().ok_or("there is no client")?;
        let response = http.get(self.0.url.clone()).send().await.map_err(|_| "nothing answers")?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let bytes = response.bytes().await.map_err(|_| "the answer broke off")?;
        Ok(serde_json::from_slice(&bytes).map_err(|_| "the answer is no set of keys")?)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
