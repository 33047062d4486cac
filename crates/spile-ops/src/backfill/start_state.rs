//! The state with which a backfill begins, if its tap has no setting for a start: a copy of the live one, with each bookmark
//! moved back to the start of the range.
//!
//! A copy, because a tap keeps more with its bookmarks: the version of a table, without which it would have the loader
//! remove all other rows.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::state::{self, BackfillStart, Scope};
use crate::{Error, Tell};
use spile_core::integration::Integration;
use spile_core::state::SingerState;

/// Returns the state. `keys` has the replication key of each stream that is read.
///
/// # Errors
/// When a stream has no bookmark yet, or one that is earlier than the range, or the place of the state cannot be asked.
pub(super) async fn start_state(
    scope: Scope<'_>,
    integration: &Integration,
    keys: &BTreeMap<String, String>,
    from: Timestamp,
    tell: Tell<'_>,
) -> Result<SingerState, Error> {
    let kept = state::read(scope, integration.slug.as_str(), tell).await?;
    let live = kept.needed()?;
    let date = from.to_string();
    let mut next = live.clone();
    for (stream, key) in keys {
        if live.bookmark(stream).is_none() {
            return Err(no_bookmark(integration, stream));
        }
        next = state::moved_back(&next, &integration.slug, BackfillStart { stream, date: &date, key: Some(key) })?;
    }
    Ok(next)
}

fn no_bookmark(integration: &Integration, stream: &str) -> Error {
    Error::NotRunnable {
        slug: integration.slug.clone(),
        reason: format!("has no bookmark for `{stream}` yet, which a backfill of this tap would move back").into(),
        help: "sync it first, or read other streams with `--stream`".into(),
    }
}
