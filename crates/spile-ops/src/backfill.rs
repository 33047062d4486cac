//! `sync --from --to`: a range of time that is read again in pieces, each by a run of its own.
//!
//! The live pipeline does not notice: pieces have a state of their own, and between two of them its syncs can run.

mod start_state;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use start_state::start_state;

use crate::run::range_conditions::replication_keys;
use crate::run::{From, Options, Results, chosen, runs};
use crate::state::{self, Scope};
use crate::{Error, Event, Loaded, RunSelection, Tell};
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::run::backfill::{Backfilled, Piece, PieceLength, pieces};
use spile_core::run::{RunKind, TimeRange};
use spile_core::state::SingerState;
use spile_world::World;

/// What to read again.
#[derive(Debug, Clone, Copy)]
pub struct BackfillRequest {
    /// The range.
    pub range: TimeRange,
    /// How much of it one run reads; all of it, if this is not set.
    pub length: Option<PieceLength>,
    /// What happens to pieces that earlier runs have read.
    pub when_done: WhenDone,
}

/// What happens to pieces of a backfill that earlier runs have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenDone {
    /// They are skipped.
    Skip,
    /// They are read again.
    ReadAgain,
}

/// A backfill of one integration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backfill {
    /// The integration.
    pub slug: Slug,
    /// The whole range.
    pub range: TimeRange,
    /// Where a run stops.
    pub reach: Reach,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
    /// The piece that an earlier run began and did not finish, if it comes next.
    pub unfinished: Option<TimeRange>,
    /// The state with which it begins, if the tap has no setting for a start.
    #[serde(skip)]
    pub start: Option<SingerState>,
}

/// Where the runs of a backfill stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// At the end of each piece.
    End,
    /// At the present, because the tap has no setting for an end.
    Present,
}

impl Backfill {
    /// Returns how many pieces are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.pieces.iter().filter(|piece| piece.done.is_some()).count()
    }

    /// Tells whether nothing is left to read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done() == self.pieces.len()
    }
}

/// Works out the pieces of a backfill for each integration, and which are done. Reads nothing.
///
/// # Errors
/// When the range cannot be read in these pieces, or an integration cannot be backfilled.
pub async fn plan(
    world: &World,
    loaded: &Arc<Loaded>,
    options: &Options,
    request: &BackfillRequest,
    tell: Tell<'_>,
) -> Result<Vec<Backfill>, Error> {
    let all = pieces(request.range, request.length, (world.clock)())?;
    let options = Options { from: From::Range { range: request.range, start: None }, ..options.clone() };
    let mut backfills = Vec::new();
    for integration in chosen(world, loaded, RunKind::Sync, &options).await? {
        let declared = integration.at(&options.environment);
        let to = declared.loader.as_ref().and_then(|slug| loaded.integrations.find(slug.as_str()));
        let connector = &integration.connector;
        let start = Planned { world, loaded, options: &options }.start(&integration, request.range, tell).await?;
        let has_end = connector.end_setting().or(connector.clauses_setting()).is_some();
        let reach = if has_end { Reach::End } else { Reach::Present };
        let ranges = if has_end { all.clone() } else { vec![request.range] };
        let earlier = match request.when_done {
            WhenDone::Skip => world.runs.backfills(integration.id).await?,
            WhenDone::ReadAgain => Vec::new(),
        };
        let like = Backfilled { loader: to.map(|to| to.id), streams: &options.streams.only };
        let pieces = like.progress(&ranges, &earlier);
        let next = spile_core::run::backfill::next(&pieces);
        let unfinished = next.filter(|next| earlier.iter().any(|run| run.details.range.as_ref() == Some(next)));
        let (slug, range) = (integration.slug.clone(), request.range);
        backfills.push(Backfill { slug, range, reach, pieces, unfinished, start });
    }
    Ok(backfills)
}

/// What a backfill is planned with.
#[derive(Clone, Copy)]
struct Planned<'a> {
    world: &'a World,
    loaded: &'a Loaded,
    options: &'a Options,
}

impl Planned<'_> {
    /// Returns the state with which the backfill of an integration begins, if its tap has no setting for a start.
    ///
    /// # Errors
    /// When a stream cannot be read from a time on.
    async fn start(
        self,
        integration: &Integration,
        range: TimeRange,
        tell: Tell<'_>,
    ) -> Result<Option<SingerState>, Error> {
        let Self { world, loaded, options } = self;
        let connector = &integration.connector;
        if connector.start_setting().is_some() && connector.clauses_setting().is_none() {
            return Ok(None);
        }
        let keys = replication_keys(world, loaded, integration, options)?;
        if connector.clauses_setting().is_some() {
            return Ok(None);
        }
        let on_states = state::Options {
            environment: options.environment.clone(),
            // Nobody is named, because a state is only read.
            actor: String::new(),
            host: options.host.clone(),
            interrupt: options.interrupt.clone(),
        };
        let scope = Scope { world, loaded, options: &on_states };
        start_state(scope, integration, &keys, range.from, tell).await.map(Some)
    }
}

/// Reads the pieces that are not done, in order. Stops an integration's backfill at the first piece that fails.
///
/// # Errors
/// When nothing can be started; a run that fails is a result.
pub async fn carry_out(
    world: &World,
    loaded: &Arc<Loaded>,
    options: &Options,
    backfills: &[Backfill],
    tell: Tell<'_>,
) -> Result<Results, Error> {
    let mut results = Results::default();
    for backfill in backfills {
        for (index, piece) in backfill.pieces.iter().enumerate().filter(|(_, piece)| piece.done.is_none()) {
            if *options.interrupt.borrow() {
                return Ok(results);
            }
            let range = match backfill.reach {
                Reach::End => piece.range,
                Reach::Present => TimeRange { to: until_now((world.clock)(), piece.range), ..piece.range },
            };
            let (slug, of) = (backfill.slug.clone(), backfill.pieces.len());
            tell(Event::Piece { slug: slug.clone(), number: index + 1, of, range });
            let which = RunSelection::exactly([slug]);
            let from = From::Range { range, start: backfill.start.clone() };
            let piece = Options { which, from, ..options.clone() };
            let ended = runs(world, loaded, RunKind::Sync, &piece, tell).await?;
            let has_succeeded = !ended.ran.is_empty() && ended.all().iter().all(|run| run.status.succeeded());
            results.extend(ended);
            if !has_succeeded {
                break;
            }
        }
    }
    Ok(results)
}

/// Returns the present in whole seconds, but no earlier than the end of the range.
fn until_now(now: Timestamp, range: TimeRange) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now).max(range.to)
}
