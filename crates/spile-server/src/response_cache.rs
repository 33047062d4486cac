//! Responses that are made once and shared by equal requests until something changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;

/// How many different requests to remember: pages and dashboards repeat only a few.
const MOST: usize = 64;

/// Responses by request, valid while the state that they were made from is the same.
pub struct ResponseCache<S>(Mutex<Answers<S>>);

struct Answers<S> {
    of: Option<S>,
    answers: BTreeMap<String, Bytes>,
}

impl<S> Default for ResponseCache<S> {
    fn default() -> Self {
        Self(Mutex::new(Answers { of: None, answers: BTreeMap::new() }))
    }
}

impl<S: Clone + PartialEq> ResponseCache<S> {
    /// Returns the response to `asked`, and makes it from `state` if none is cached. Concurrent callers wait instead of
    /// making it too: hundreds at once would all do the same work.
    pub fn get(&self, state: &S, asked: &str, make: impl FnOnce() -> Bytes) -> Bytes {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.of.as_ref() != Some(state) {
            kept.answers.clear();
        }
        // Store it even if it is equal: comparing two handles of the same value is fast.
        kept.of = Some(state.clone());
        if let Some(answer) = kept.answers.get(asked) {
            return answer.clone();
        }
        let answer = make();
        if kept.answers.len() < MOST {
            kept.answers.insert(asked.to_owned(), answer.clone());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(kept: &ResponseCache<u8>, state: u8, asked: &str, answer: &'static str) -> Bytes {
        kept.get(&state, asked, || Bytes::from_static(answer.as_bytes()))
    }

    #[test]
    fn a_different_request_or_state_gets_a_new_response() {
        let kept = ResponseCache::default();
        assert_eq!(get(&kept, 1, "a", "first"), "first");
        assert_eq!(get(&kept, 1, "a", "second"), "first");
        assert_eq!(get(&kept, 1, "b", "second"), "second");
        assert_eq!(get(&kept, 2, "a", "third"), "third");
        assert_eq!(get(&kept, 1, "a", "fourth"), "fourth");
    }

    #[test]
    fn requests_beyond_the_limit_are_answered_too() {
        let kept = ResponseCache::default();
        for number in 0..=MOST {
            get(&kept, 1, &number.to_string(), "an answer");
        }
        assert_eq!(get(&kept, 1, &MOST.to_string(), "another"), "another");
        assert_eq!(get(&kept, 1, "0", "another"), "an answer");
    }
}
