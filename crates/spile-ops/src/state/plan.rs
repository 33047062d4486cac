//! What a change of a state would do.

use serde::Serialize;

use super::kept::{KeptState, read};
use super::record::{Side, find};
use super::{Scope, StateError};
use crate::{Error, Tell, discover};
use spile_core::name::{EnvironmentName, Slug};
use spile_core::state::choice::{AppliedChoice, StreamChoice};
use spile_core::state::{
    Cataloged, Difference, Order, SingerState, Target, clear, differences, move_to, order, restart, set,
};

/// A change of a state, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Give the bookmark of a stream another value.
    Set {
        /// The stream.
        stream: String,
        /// The value, as it is typed.
        value: String,
        /// Which value of the bookmark, where it has several.
        key: Option<String>,
    },
    /// Remove the bookmarks of streams; all that is kept, where none is named.
    Clear {
        /// The streams.
        streams: Vec<String>,
    },
    /// Take the state of another integration of the same tap.
    Copy {
        /// That one.
        from: String,
    },
    /// Take the state that a run or a change found or left.
    Restore {
        /// Its id, or how that begins.
        id: String,
        /// Which of its states.
        side: Side,
    },
    /// Do what an apply chose for streams. If they only go forward, nothing changes; the history says so.
    Choose(AppliedChoice),
    /// Take a state from a file.
    Import {
        /// The state; `None` removes it.
        state: Option<SingerState>,
        /// The tap that wrote it.
        tap: String,
    },
}

impl Action {
    /// Returns the choice of an apply that it carries out.
    fn choice(&self) -> Option<&AppliedChoice> {
        match self {
            Self::Choose(choice) => Some(choice),
            Self::Set { .. } | Self::Clear { .. } | Self::Copy { .. } | Self::Restore { .. } | Self::Import { .. } => {
                None
            }
        }
    }
}

/// A change of a state: what is kept, what would be kept, and what is different.
#[derive(Debug, Clone, Serialize)]
pub struct StatePlan {
    /// The integration.
    pub slug: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// Under which id the state is kept.
    pub state_id: String,
    /// What is done, as words of the command line.
    pub action: String,
    /// What is different, stream by stream.
    pub changes: Vec<Difference>,
    /// The state that is kept.
    pub before: Option<SingerState>,
    /// The state that would be kept.
    pub after: Option<SingerState>,
    /// Why what is kept cannot be read: whatever it is, it goes.
    pub unreadable: Option<String>,
    /// The choice of an apply that it is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<AppliedChoice>,
}

impl StatePlan {
    /// Tells whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before == self.after && self.unreadable.is_none()
    }
}

/// Works out what a change of the state of an integration would do; writes nothing.
///
/// # Errors
/// When the change makes no sense, or the place of the state cannot be asked.
pub async fn plan(scope: Scope<'_>, slug: &str, action: &Action, tell: Tell<'_>) -> Result<StatePlan, Error> {
    plan_of(scope, read(scope, slug, tell).await?, action, tell).await
}

/// Works out what a change of a state that was just read would do.
pub(super) async fn plan_of(
    scope: Scope<'_>,
    kept: KeptState,
    action: &Action,
    tell: Tell<'_>,
) -> Result<StatePlan, Error> {
    let (after, words) = changed(scope, &kept, action, tell).await?;
    Ok(StatePlan {
        slug: kept.slug().clone(),
        environment: scope.options.environment.clone(),
        state_id: kept.state_id.clone(),
        action: words,
        changes: differences(kept.state.as_ref(), after.as_ref()),
        before: kept.state,
        after,
        unreadable: kept.unreadable,
        choice: action.choice().cloned(),
    })
}

/// Returns the state after a change, and what is done in words.
async fn changed(
    scope: Scope<'_>,
    kept: &KeptState,
    action: &Action,
    tell: Tell<'_>,
) -> Result<(Option<SingerState>, String), Error> {
    match action {
        Action::Set { stream, value, key } => {
            let cataloged = cataloged(scope, kept, stream)?;
            let target = Target { stream: stream.clone(), key: key.clone(), cataloged };
            let next = set(kept.needed()?, &target, value).map_err(StateError::from)?;
            Ok((Some(next), format!("set {stream} {value}")))
        }
        Action::Clear { streams } if streams.is_empty() => Ok((None, "clear".to_owned())),
        Action::Clear { streams } => {
            let next = clear(kept.needed()?, streams).map_err(StateError::from)?;
            Ok((Some(next), format!("clear {}", streams.join(" "))))
        }
        Action::Copy { from } => {
            let other = read(scope, from, tell).await?;
            same_tap(kept, other.tap())?;
            Ok((Some(other.needed()?.clone()), format!("copy {from}")))
        }
        Action::Restore { id, side } => {
            let entry = find(scope, &kept.integration, id).await?;
            let flag = match side {
                Side::Before => "--before",
                Side::After => "--to",
            };
            Ok((entry.state(*side)?, format!("restore {flag} {}", entry.id())))
        }
        Action::Choose(choice) => Ok((chosen(scope, kept, &choice.what)?, choice.what.words())),
        Action::Import { state, tap } => {
            same_tap(kept, tap)?;
            Ok((state.clone(), "import".to_owned()))
        }
    }
}

/// Returns the state after what an apply chose.
fn chosen(scope: Scope<'_>, kept: &KeptState, choice: &StreamChoice) -> Result<Option<SingerState>, Error> {
    let dates = match choice {
        StreamChoice::ForwardOnly { .. } => return Ok(kept.state.clone()),
        StreamChoice::Resync { streams } => {
            let streams: Vec<String> = streams.iter().cloned().collect();
            return Ok(Some(clear(kept.needed()?, &streams).map_err(StateError::from)?));
        }
        StreamChoice::Backfill { since } => since,
    };
    let declaration = kept.integration.at(&scope.options.environment);
    let mut next = kept.needed()?.clone();
    for (stream, date) in dates {
        let key = declaration.replication_key(stream);
        next = moved_back(&next, kept.slug(), BackfillStart { stream, date, key })?;
    }
    Ok(Some(next))
}

/// The date from which a stream is read again.
#[derive(Clone, Copy)]
pub(crate) struct BackfillStart<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The date.
    pub date: &'a str,
    /// The replication key, if it is known.
    pub key: Option<&'a str>,
}

/// Moves the bookmark of a stream back to a date. A bookmark of another replication key is replaced.
///
/// # Errors
/// When it has no bookmark, or one that is earlier or no time.
pub(crate) fn moved_back(
    state: &SingerState,
    slug: &Slug,
    start: BackfillStart<'_>,
) -> Result<SingerState, StateError> {
    let BackfillStart { stream, date, key } = start;
    let bookmark = state.bookmark(stream).ok_or_else(|| state.no_stream(stream))?;
    if let Some(key) = key
        && bookmark.positions.iter().any(|position| position.key.as_deref() != Some(key))
    {
        return Ok(restart(state, stream, key, date)?);
    }
    let next = move_to(state, stream, date)?;
    let after = next.bookmark(stream).map(|bookmark| bookmark.positions).unwrap_or_default();
    let later =
        bookmark.positions.iter().zip(&after).find(|(one, other)| order(one.value, other.value) == Order::Later);
    match later {
        Some((position, _)) => Err(StateError::Later {
            stream: stream.to_owned(),
            slug: slug.clone(),
            present: position.value.shown(),
            date: date.to_owned(),
        }),
        None => Ok(next),
    }
}

fn same_tap(kept: &KeptState, found: &str) -> Result<(), StateError> {
    let wanted = kept.tap();
    if found == wanted {
        return Ok(());
    }
    Err(StateError::OtherTap { slug: kept.slug().clone(), found: found.to_owned(), wanted: wanted.to_owned() })
}

/// Returns what the last known catalog says of a stream; `None` where it does not have it.
fn cataloged(scope: Scope<'_>, kept: &KeptState, stream: &str) -> Result<Option<Cataloged>, Error> {
    let root = scope.world.project.root();
    let found = discover::found(root, scope.loaded, &kept.integration, &scope.options.environment)?;
    let found = found.as_ref().and_then(|discovered| discovered.stream(stream));
    Ok(found.map(|stream| Cataloged { replication_key: stream.replication_key.clone() }))
}
