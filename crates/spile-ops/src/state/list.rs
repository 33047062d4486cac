//! The states of a project, and one of them as people read it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::kept::{KeptState, Owner, Place, Written};
use super::record::{Entry, entries_of};
use super::{Scope, StateError};
use crate::{Error, RunSelection, Tell};
use spile_core::connector::Role;
use spile_core::name::Slug;
use spile_core::state::{Bookmark, Format, Json, since};

/// How many runs and changes are looked at for when a bookmark became what it is.
const LOOKED_AT: usize = 100;

/// The state of an integration, in short.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The integration.
    pub slug: Slug,
    /// Under which id the state is kept.
    pub state_id: String,
    /// Where.
    pub place: Place,
    /// In which form its tap writes it; `None` where there is none.
    pub format: Option<Format>,
    /// How many streams have a bookmark.
    pub streams: usize,
    /// When it was written, where the registry tells.
    pub written: Option<Written>,
}

/// Returns the states of integrations, in the order of their names; those that keep none are left out.
///
/// # Errors
/// When a word names nothing, or the place of a state cannot be asked.
pub async fn list(scope: Scope<'_>, which: &RunSelection, tell: Tell<'_>) -> Result<Vec<Listed>, Error> {
    let mut listed = Vec::new();
    let has_loader = |one: &spile_core::integration::Integration| {
        one.role() == Role::Extractor && one.at(&scope.options.environment).loader.is_some()
    };
    for integration in which.among(scope.world, scope.loaded).await? {
        if !has_loader(&integration) {
            continue;
        }
        let kept = Owner::of(scope, &integration).await?.read(scope, tell).await?;
        let KeptState { state_id, place, state, written, .. } = kept;
        let (format, streams) = state.map_or((None, 0), |state| (Some(state.format()), state.bookmarks().len()));
        listed.push(Listed { slug: integration.slug.clone(), state_id, place, format, streams, written });
    }
    Ok(listed)
}

/// The state of an integration as people read it.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The integration.
    pub slug: Slug,
    /// Under which id the state is kept.
    pub state_id: String,
    /// Where.
    pub place: Place,
    /// In which form its tap writes it.
    pub format: Format,
    /// When it was written, where the registry tells.
    pub written: Option<Written>,
    /// The bookmarks.
    pub bookmarks: Vec<ShownBookmark>,
    /// All of it, where only one stream was asked for what is kept of that.
    pub state: Json,
}

/// A value of a bookmark as people read it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownBookmark {
    /// The stream.
    pub stream: String,
    /// Which part of it, where it is read in partitions.
    pub partition: Option<String>,
    /// The replication key, or what else it is a value of.
    pub key: Option<String>,
    /// The value; `None` where the tap keeps something else.
    pub value: Option<Json>,
    /// The run or the change that left it so, where that is known.
    pub since: Option<Since>,
}

/// The run or the change that left a bookmark as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Since {
    /// Its id.
    pub id: Uuid,
    /// When it was.
    pub at: Timestamp,
}

/// Returns the state of an integration, or what it holds of one stream.
///
/// # Errors
/// When nothing has that name, there is no state, or it has no such stream.
pub async fn show(scope: Scope<'_>, slug: &str, stream: Option<&str>, tell: Tell<'_>) -> Result<Shown, Error> {
    let owner = Owner::of(scope, scope.loaded.named(slug)?).await?;
    shown_by(scope, &owner, stream, tell).await
}

/// Returns the state of an integration; `None` where only Meltano knows the way to it, so that no program is started.
///
/// # Errors
/// When nothing has that name, or there is no state.
pub async fn show_directly(scope: Scope<'_>, slug: &str) -> Result<Option<Shown>, Error> {
    let owner = Owner::of(scope, scope.loaded.named(slug)?).await?;
    if owner.place == Place::Backend {
        return Ok(None);
    }
    shown_by(scope, &owner, None, &mut |_| ()).await.map(Some)
}

async fn shown_by(scope: Scope<'_>, owner: &Owner, stream: Option<&str>, tell: Tell<'_>) -> Result<Shown, Error> {
    let kept = owner.read(scope, tell).await?;
    let state = kept.needed()?;
    let entries = entries_of(scope, &owner.integration, LOOKED_AT).await?;
    let left: Vec<(Since, Option<Value>)> =
        entries.iter().map(|entry| (Since { id: entry.id(), at: entry.at() }, Entry::left(entry))).collect();
    let all = state.bookmarks();
    let meant: Vec<&Bookmark<'_>> = all.iter().filter(|one| stream.is_none_or(|stream| one.stream == stream)).collect();
    let whole = match (stream, meant.as_slice()) {
        (Some(_), [one]) => one.whole.clone(),
        (Some(stream), _) => return Err(StateError::from(state.no_stream(stream)).into()),
        (None, _) => state.json().clone(),
    };
    let bookmarks = meant.into_iter().flat_map(|bookmark| shown(bookmark, &left)).collect();
    Ok(Shown {
        slug: kept.slug().clone(),
        state_id: kept.state_id.clone(),
        place: kept.place,
        format: state.format(),
        written: kept.written.clone(),
        bookmarks,
        state: whole,
    })
}

fn shown(bookmark: &Bookmark<'_>, left: &[(Since, Option<Value>)]) -> Vec<ShownBookmark> {
    let since = since(bookmark, left.iter().map(|(of, state)| (*of, state.as_ref())));
    let stream = bookmark.stream.to_owned();
    if bookmark.positions.is_empty() {
        return vec![ShownBookmark { stream, partition: None, key: None, value: None, since }];
    }
    let one = |position: &spile_core::state::Position<'_>| ShownBookmark {
        stream: stream.clone(),
        partition: position.partition.clone(),
        key: position.key.clone(),
        value: Some(position.value.clone()),
        since,
    };
    bookmark.positions.iter().map(one).collect()
}
