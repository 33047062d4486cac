//! Backfills: a range of time that is read again in pieces, each by a run of its own.
//!
//! A piece is done once a run of its range has succeeded, so a backfill that was interrupted continues where it stopped.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Run, RunKind};
use crate::name::IntegrationId;

/// The most pieces of one backfill.
pub const MOST_PIECES: i128 = 10_000;

/// A range of time; its end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeRange {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl TimeRange {
    /// Tells whether all of another range is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

impl TimeRange {
    /// Returns the SQL conditions for rows whose column has a time in the range. `SQLAlchemy` reads them, to which a colon
    /// before a letter marks a parameter.
    #[must_use]
    pub fn conditions(&self, column: &str) -> [String; 2] {
        let column = column.replace('"', "\"\"").replace(':', "\\:");
        [format!("\"{column}\" >= '{}'", self.from), format!("\"{column}\" < '{}'", self.to)]
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// How much time one piece covers, in whole hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceLength(SignedDuration);

impl FromStr for PieceLength {
    type Err = &'static str;

    /// Parses `12h`, `7d` or `2w`. A day is 24 hours.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "use a number of hours, days or weeks, like `12h`, `7d` or `2w`";
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(wanted)?;
        let hours = match unit {
            "h" => 1,
            "d" => 24,
            "w" => 7 * 24,
            _ => return Err(wanted),
        };
        let number = number.parse::<u32>().ok().filter(|number| *number > 0).ok_or(wanted)?;
        Ok(Self(SignedDuration::from_hours(i64::from(number) * hours)))
    }
}

/// Why a range cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum RangeError {
    /// There is no time in it.
    #[error("the range from {from} to {to} is empty")]
    #[diagnostic(code(spile::backfill::empty), help("set `--to` to a later time than `--from`"))]
    Empty {
        /// Its first moment.
        from: Timestamp,
        /// The first moment after it.
        to: Timestamp,
    },
    /// Part of it has not happened yet.
    #[error("the range ends in the future: at {to}, and it is now {now:.0}")]
    #[diagnostic(code(spile::backfill::future), help("set `--to` to a time that has passed"))]
    Future {
        /// The first moment after it.
        to: Timestamp,
        /// The present time.
        now: Timestamp,
    },
    /// It has too many pieces.
    #[error("the range would be read in {pieces} pieces, and {MOST_PIECES} are allowed")]
    #[diagnostic(code(spile::backfill::pieces), help("use a longer `--step`, or a shorter range"))]
    Pieces {
        /// How many.
        pieces: i128,
    },
}

/// Divides a range into pieces, in order; without a length it is one piece.
///
/// # Errors
/// When the range is empty or ends in the future, or there are too many pieces.
pub fn pieces(range: TimeRange, length: Option<PieceLength>, now: Timestamp) -> Result<Vec<TimeRange>, RangeError> {
    let TimeRange { from, to } = range;
    if from >= to {
        return Err(RangeError::Empty { from, to });
    }
    if to > now {
        return Err(RangeError::Future { to, now });
    }
    let Some(PieceLength(length)) = length else { return Ok(vec![range]) };
    let whole = to.duration_since(from).as_nanos();
    let pieces = (whole + length.as_nanos() - 1) / length.as_nanos();
    if pieces > MOST_PIECES {
        return Err(RangeError::Pieces { pieces });
    }
    // A piece that would end after all timestamps ends with the range.
    let piece = |from: Timestamp| TimeRange { from, to: from.checked_add(length).map_or(to, |end| end.min(to)) };
    let next = |piece: &TimeRange| Some(piece.to).filter(|end| *end < to);
    let all = std::iter::successors(Some(piece(from)), |last| next(last).map(piece));
    Ok(all.collect())
}

/// A piece of a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The range it covers.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The run that has read it, if there is one.
    pub done: Option<Uuid>,
}

/// What the runs of one backfill have in common.
#[derive(Debug, Clone, Copy)]
pub struct Backfilled<'a> {
    /// The loader.
    pub loader: Option<IntegrationId>,
    /// The patterns of the streams; none if all are read.
    pub streams: &'a [String],
}

impl Backfilled<'_> {
    /// Finds the run that has read each range, among earlier ones.
    #[must_use]
    pub fn progress(&self, ranges: &[TimeRange], earlier: &[Run]) -> Vec<Piece> {
        let runs: Vec<(TimeRange, Uuid)> =
            earlier.iter().filter_map(|run| Some((self.read_by(run)?, run.id))).collect();
        let done = |range: &TimeRange| runs.iter().find(|(read, _)| read.covers(range)).map(|(_, run)| *run);
        ranges.iter().map(|range| Piece { range: *range, done: done(range) }).collect()
    }

    /// Returns the range that a run has read, if it belongs to this backfill.
    fn read_by(&self, run: &Run) -> Option<TimeRange> {
        let is_alike =
            run.kind == RunKind::Sync && run.loader == self.loader && run.details.filter.only == self.streams;
        run.details.range.filter(|_| is_alike && run.status.succeeded())
    }
}

/// Returns the first piece that is still to be read.
#[must_use]
pub fn next(pieces: &[Piece]) -> Option<TimeRange> {
    pieces.iter().find(|piece| piece.done.is_none()).map(|piece| piece.range)
}

#[cfg(test)]
mod tests;
