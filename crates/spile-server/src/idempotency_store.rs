//! The responses to requests with a key, stored as long as they may be sent again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;

/// How long a response is stored.
const LASTS: Duration = Duration::from_hours(24);

/// How many responses are stored.
const MOST: usize = 1000;

/// How many bytes their bodies may have together.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The largest body to inspect, above the limit for request bodies. A larger response is sent but not stored.
pub(super) const LARGEST: usize = 2 * 1024 * 1024;

/// The responses to requests that had a key.
#[derive(Default)]
pub struct IdempotencyStore(Mutex<BTreeMap<String, StoredResponse>>);

/// A request, and its response once there is one.
struct StoredResponse {
    at: Instant,
    request: String,
    /// `None` while the request is running.
    given: Option<GivenResponse>,
}

/// A response as it was sent.
#[derive(Clone)]
pub(super) struct GivenResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A running request. If it ends without a response to store, the same key may be used again.
pub(super) struct AtWork<'a> {
    all: &'a IdempotencyStore,
    key: &'a str,
}

impl IdempotencyStore {
    /// Marks a request as running, or returns the stored response.
    pub(super) fn begin<'a>(&'a self, key: &'a str, said: &str) -> Result<AtWork<'a>, Box<Response>> {
        let mut all = self.lock();
        all.retain(|_, one| one.given.is_none() || one.at.elapsed() < LASTS);
        let refused =
            |status, detail: &str| Box::new(Refusal::new(status, "spile::http::idempotency", detail).into_response());
        match all.get(key) {
            Some(known) if known.request != said => Err(refused(
                StatusCode::UNPROCESSABLE_ENTITY,
                "this idempotency key was already used for a different request",
            )),
            Some(StoredResponse { given: None, .. }) => {
                Err(refused(StatusCode::CONFLICT, "a request with this idempotency key is still in progress"))
            }
            Some(StoredResponse { given: Some(given), .. }) => {
                let GivenResponse { status, headers, body } = given.clone();
                Err(Box::new((status, headers, body).into_response()))
            }
            None => {
                all.insert(
                    key.to_owned(),
                    StoredResponse { at: Instant::now(), request: said.to_owned(), given: None },
                );
                Ok(AtWork { all: self, key })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, StoredResponse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AtWork<'_> {
    /// Stores the response; the oldest ones go if there are too many, or too many bytes.
    pub(super) fn end(self, given: GivenResponse) {
        let mut all = self.all.lock();
        if let Some(known) = all.get_mut(self.key) {
            (known.at, known.given) = (Instant::now(), Some(given));
        }
        let length = |one: &StoredResponse| one.given.as_ref().map(|given| given.body.len());
        let mut ended: Vec<_> = all.iter().filter_map(|(key, one)| Some((one.at, length(one)?, key.clone()))).collect();
        ended.sort();
        let (mut count, mut bytes) = (ended.len(), ended.iter().map(|(_, length, _)| length).sum::<usize>());
        for (_, length, key) in ended {
            if count <= MOST && bytes <= MOST_BYTES {
                break;
            }
            all.remove(&key);
            (count, bytes) = (count - 1, bytes - length);
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if all.get(self.key).is_some_and(|one| one.given.is_none()) {
            all.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(length: usize) -> GivenResponse {
        GivenResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from(vec![0; length]) }
    }

    #[test]
    fn a_request_without_a_response_may_be_sent_again() {
        let all = IdempotencyStore::default();
        let at_work = all.begin("a", "x").ok().unwrap();
        assert_eq!(all.begin("a", "x").err().unwrap().status(), StatusCode::CONFLICT);
        drop(at_work);
        all.begin("a", "x").ok().unwrap().end(answer(1));
        assert_eq!(all.begin("a", "x").err().unwrap().status(), StatusCode::OK);
        assert_eq!(all.begin("a", "y").err().unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[test]
    fn responses_are_limited_in_number_and_bytes_and_the_oldest_go_first() {
        let all = IdempotencyStore::default();
        let at_work = all.begin("at work", "x").ok().unwrap();
        for number in 0..20 {
            all.begin(&format!("large {number}"), "x").ok().unwrap().end(answer(LARGEST));
        }
        assert_eq!(all.lock().len(), 1 + MOST_BYTES / LARGEST);
        for number in 0..MOST + 10 {
            all.begin(&format!("small {number}"), "x").ok().unwrap().end(answer(1));
        }
        assert_eq!(all.lock().len(), 1 + MOST);
        let is_kept = |key: &str| all.lock().contains_key(key);
        assert_eq!(["at work", "small 9", "small 10"].map(is_kept), [true, false, true]);
        drop(at_work);
    }
}
