//! Sign-ins to sources that have begun: what must be known when the browser comes back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use spile_core::connector::OAuth;
use spile_core::name::Slug;
use spile_world::net::oauth::{OAuthClient, Pending};

use super::caller::Caller;

/// How long a person may take to sign in.
const LASTS: Duration = Duration::from_mins(10);

/// How many sign-ins may have begun at a time.
const MOST: usize = 100;

/// The sign-ins, by the random text that the provider sends back.
#[derive(Default)]
pub struct PendingSignIns(Mutex<BTreeMap<String, (Instant, PendingSignIn)>>);

/// A sign-in that has begun.
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

impl PendingSignIns {
    /// Adds a sign-in. Drops the oldest one if there are too many.
    pub fn begin(&self, sign_in: PendingSignIn) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < LASTS);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, (at, _))| *at).map(|(state, _)| state.clone())
        {
            all.remove(&oldest);
        }
        all.insert(sign_in.pending.state().to_owned(), (Instant::now(), sign_in));
    }

    /// Takes a sign-in that this session has begun. Another session leaves it as it is.
    pub fn take(&self, state: &str, by: &SessionMark) -> Option<PendingSignIn> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < LASTS);
        if all.get(state)?.1.by != *by {
            return None;
        }
        all.remove(state).map(|(_, sign_in)| sign_in)
    }
}
