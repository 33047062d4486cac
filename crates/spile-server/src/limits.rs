//! Rate limits: token buckets.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::refusal::Refusal;

/// How many callers to remember at most.
const MOST: usize = 10_000;

/// How many callers to keep when there are more: those that were away longest are forgotten.
const KEPT: usize = MOST / 4 * 3;

/// A bucket for each caller.
pub struct Limit {
    per_minute: u32,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

/// What is left in a bucket, and since when.
struct Bucket {
    left: f64,
    at: Instant,
}

impl Limit {
    /// Allows a number of requests per minute, in a burst or spread out.
    pub fn per_minute(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1), buckets: Mutex::default() }
    }

    /// Takes one token from a caller's bucket.
    ///
    /// # Errors
    /// If the bucket is empty: 429, with when to retry.
    pub fn take(&self, of: &str) -> Result<(), Refusal> {
        self.take_at(of, Instant::now()).map_err(|wait| {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            let detail = format!("more than {} requests in a minute", self.per_minute);
            let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "spile::http::rate", detail)
                .help(format!("try again in {seconds} s; `spile serve --rate N` allows more"));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a minute")]
            let seconds = seconds as u64;
            refusal.retry_after = Some(seconds);
            refusal
        })
    }

    fn take_at(&self, of: &str, now: Instant) -> Result<(), Duration> {
        let most = f64::from(self.per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST && !buckets.contains_key(of) {
            // After a minute a bucket is full, just like a new one. If all are younger, the oldest go, many at once, so
            // that not every new caller has to search for them.
            let mut since: Vec<Instant> = buckets.values().map(|bucket| bucket.at).collect();
            let oldest = *since.select_nth_unstable(MOST - KEPT).1;
            let full = now.checked_sub(Duration::from_mins(1)).map_or(oldest, |full| full.max(oldest));
            buckets.retain(|_, bucket| bucket.at > full);
        }
        let bucket = buckets.entry(of.to_owned()).or_insert(Bucket { left: most, at: now });
        let since = now.saturating_duration_since(bucket.at);
        let left = (bucket.left + since.as_secs_f64() * most / 60.0).min(most);
        *bucket = Bucket { left, at: now };
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) * 60.0 / most));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_runs_empty_and_fills_up_again() {
        let limit = Limit::per_minute(60);
        let now = Instant::now();
        for _ in 0..60 {
            limit.take_at("ada", now).unwrap();
        }
        assert!(limit.take_at("ada", now).unwrap_err() <= Duration::from_secs(1));
        limit.take_at("bob", now).unwrap();
        let later = now + Duration::from_secs(2);
        limit.take_at("ada", later).unwrap();
        limit.take_at("ada", later).unwrap();
        limit.take_at("ada", later).unwrap_err();
    }

    #[test]
    fn the_number_of_remembered_callers_is_limited() {
        let limit = Limit::per_minute(1);
        let begun = Instant::now();
        let at = |number: u64| begun + Duration::from_micros(number);
        let most = MOST as u64;
        for number in 0..3 * most {
            limit.take_at(&number.to_string(), at(number)).unwrap();
        }
        assert!(limit.buckets.lock().unwrap().len() <= MOST);
        // The most recent callers are still known.
        limit.take_at(&(3 * most - 1).to_string(), at(3 * most)).unwrap_err();
    }
}
