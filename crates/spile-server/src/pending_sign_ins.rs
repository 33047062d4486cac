//! Sign-ins at a provider that have begun: what must be known when the browser comes back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use spile_core::connector::OAuth;
use spile_core::name::Slug;
use spile_world::net::oauth::{OAuthClient, Pending};

use super::caller::Caller;

/// How long a person may take to sign in.
pub const LASTS: Duration = Duration::from_mins(10);

/// The sign-ins, by the random text that the provider sends back.
pub struct PendingSignIns<T> {
    all: Mutex<BTreeMap<String, (Instant, T)>>,
    /// How many may have begun at a time.
    most: usize,
}

/// A sign-in to a source that has begun.
pub struct PendingSignIn {
    /// What the provider's answer is compared with.
    pub pending: Pending,
    /// The client that asks for the token.
    pub client: OAuthClient,
    /// What the connector's definition says.
    pub oauth: OAuth,
    /// What gets the token.
    pub of: SignInTarget,
    /// The session that began it.
    pub by: SessionMark,
}

/// What gets a token.
#[derive(Debug, Clone)]
pub enum SignInTarget {
    /// An integration.
    Integration(Slug),
    /// A draft, by its id.
    Draft(String),
}

/// A session, by what no other session knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMark {
    subject: String,
    csrf: Option<String>,
}

impl SessionMark {
    /// Returns the mark of a caller's session.
    pub fn of(who: &Caller) -> Self {
        Self { subject: who.subject.clone(), csrf: who.csrf.clone() }
    }
}

impl<T> PendingSignIns<T> {
    /// Returns a store for so many sign-ins.
    pub fn at_most(most: usize) -> Self {
        Self { all: Mutex::default(), most }
    }

    /// Adds a sign-in. Drops the oldest one if there are too many.
    pub fn begin(&self, state: &str, sign_in: T) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < LASTS);
        if all.len() >= self.most
            && let Some(oldest) = all.iter().min_by_key(|(_, (at, _))| *at).map(|(state, _)| state.clone())
        {
            all.remove(&oldest);
        }
        all.insert(state.to_owned(), (Instant::now(), sign_in));
    }

    /// Takes a sign-in, if this session or browser has begun it. For another one it stays as it is.
    pub fn take(&self, state: &str, is_own: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < LASTS);
        if !is_own(&all.get(state)?.1) {
            return None;
        }
        all.remove(state).map(|(_, sign_in)| sign_in)
    }
}
