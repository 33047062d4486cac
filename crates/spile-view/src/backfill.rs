//! Backfills: which pieces they have, and what will be read.

use super::table::{Cell, table};
use super::{GOOD, QUIET};
use spile_ops::backfill::{Backfill, Reach};
use spile_ops::counted;

/// Says in one line what a backfill will do.
#[must_use]
pub fn summary(backfill: &Backfill) -> String {
    let Backfill { slug, range, reach, pieces, unfinished, .. } = backfill;
    if backfill.is_done() {
        return format!("`{slug}`: everything from {range} has been read already; add `--again` to read it again");
    }
    if *reach == Reach::Present {
        let from = range.from;
        return format!(
            "`{slug}`: its connector names no setting for an end, so one run reads everything since {from}, also what is later than {}",
            range.to
        );
    }
    let done = match backfill.done() {
        0 => String::new(),
        done => format!(", {done} of them done before"),
    };
    let again = unfinished.map(|piece| format!("; reads {piece} again, because an earlier run did not finish it"));
    format!("`{slug}`: {range} in {}{done}{}", counted(pieces.len(), "piece"), again.unwrap_or_default())
}

/// Returns the pieces of backfills as tables.
#[must_use]
pub fn planned(backfills: &[Backfill]) -> String {
    let one = |backfill: &Backfill| {
        let row = |(index, piece): (usize, &spile_core::run::backfill::Piece)| -> [Cell; 4] {
            let state = match piece.done {
                Some(run) => Cell::styled(format!("done by run {run}"), GOOD),
                None if backfill.unfinished == Some(piece.range) => "to read again: not finished".into(),
                None => Cell::styled("to read", QUIET),
            };
            [
                (index + 1).to_string().into(),
                piece.range.from.to_string().into(),
                piece.range.to.to_string().into(),
                state,
            ]
        };
        let rows: Vec<_> = backfill.pieces.iter().enumerate().map(row).collect();
        format!("{}\n{}", summary(backfill), table(["piece", "from", "to", ""], &rows))
    };
    let all: Vec<String> = backfills.iter().map(one).collect();
    all.join("\n")
}
