use proptest::prelude::*;

use super::*;
use crate::alert::tests::run;
use crate::run::{Details, RunStatus, StreamFilter};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: at(from), to: at(to) }
}

fn length(text: &str) -> PieceLength {
    text.parse().unwrap()
}

/// A run of a range, with these streams.
fn ran(id: u128, range: TimeRange, status: RunStatus, only: &[&str]) -> Run {
    let only = only.iter().map(|pattern| (*pattern).to_owned()).collect();
    let details =
        Details { range: Some(range), filter: StreamFilter { only, refresh: Vec::new() }, ..Details::default() };
    Run { id: Uuid::from_u128(id), details, ..run(RunKind::Sync, status, 0) }
}

fn backfilled(streams: &[String]) -> Backfilled<'_> {
    Backfilled { loader: run(RunKind::Sync, RunStatus::Ok, 0).loader, streams }
}

#[test]
fn a_length_is_a_number_of_hours_days_or_weeks() {
    for (text, hours) in [("12h", 12), ("7d", 168), ("2w", 336)] {
        assert_eq!(text.parse(), Ok(PieceLength(SignedDuration::from_hours(hours))), "{text}");
    }
    for text in ["", "d", "7", "0d", "-1d", "1.5d", "7m", "7 d", "d7", "7ä", "99999999999d"] {
        assert!(text.parse::<PieceLength>().is_err(), "{text}");
    }
}

#[test]
fn an_empty_range_one_in_the_future_and_one_of_too_many_pieces_are_refused() {
    let now = at(36_000_000);
    let refused = |from, to, step| pieces(range(from, to), Some(length(step)), now).unwrap_err();
    assert!(matches!(refused(5, 5, "1h"), RangeError::Empty { .. }));
    assert!(matches!(refused(6, 5, "1h"), RangeError::Empty { .. }));
    assert!(matches!(refused(5, 36_000_001, "1w"), RangeError::Future { .. }));
    assert_eq!(pieces(range(0, 36_000_000), Some(length("1h")), now).unwrap().len(), 10_000);
    assert_eq!(refused(-1, 36_000_000, "1h"), RangeError::Pieces { pieces: 10_001 });
    assert_eq!(pieces(range(0, 36_000_000), None, now), Ok(vec![range(0, 36_000_000)]));
    let last = range(Timestamp::MAX.as_second() - 5, Timestamp::MAX.as_second() - 1);
    assert_eq!(pieces(last, Some(length("2w")), Timestamp::MAX), Ok(vec![last]));
}

#[test]
fn a_piece_is_done_by_a_run_that_succeeded_with_the_same_streams_and_loader() {
    let (piece, orders) = (range(10, 20), ["orders".to_owned()]);
    let done = |run: Run| backfilled(&orders).progress(&[piece], &[run])[0].done;
    assert_eq!(done(ran(1, piece, RunStatus::Ok, &["orders"])), Some(Uuid::from_u128(1)));
    assert!(done(ran(1, range(0, 30), RunStatus::Warning, &["orders"])).is_some());
    for status in [RunStatus::Failed, RunStatus::Running, RunStatus::Cancelled] {
        assert_eq!(done(ran(1, piece, status, &["orders"])), None);
    }
    assert_eq!(done(ran(1, range(11, 20), RunStatus::Ok, &["orders"])), None);
    assert_eq!(done(ran(1, piece, RunStatus::Ok, &[])), None);
    let elsewhere = Run { loader: Some(IntegrationId(Uuid::nil())), ..ran(1, piece, RunStatus::Ok, &["orders"]) };
    assert_eq!(done(elsewhere), None);
    assert_eq!(done(Run { details: Details::default(), ..ran(1, piece, RunStatus::Ok, &["orders"]) }), None);
}

proptest! {
    #[test]
    fn pieces_cover_a_range_in_order_and_without_gaps(from in 0..1_000_000i64, long in 1..90_000_000i64, hours in 1..500u32) {
        let whole = range(from, from + long);
        match pieces(whole, Some(length(&format!("{hours}h"))), at(i64::from(i32::MAX))) {
            Ok(all) => {
                let step = i64::from(hours) * 3600;
                prop_assert_eq!((all[0].from, all[all.len() - 1].to), (whole.from, whole.to));
                prop_assert!(all.windows(2).all(|two| two[0].to == two[1].from));
                prop_assert!(all.iter().all(|piece| piece.from < piece.to && whole.covers(piece)));
                let lengths = all.iter().map(|piece| piece.to.as_second() - piece.from.as_second());
                let shorter = lengths.clone().filter(|length| *length != step).count();
                prop_assert!(lengths.clone().all(|length| length <= step) && shorter <= 1);
            }
            Err(error) => prop_assert!(long > 10_000 * i64::from(hours) * 3600, "{}", error),
        }
    }

    #[test]
    fn a_backfill_that_is_started_again_and_again_reads_every_piece_once(
        count in 1..30i64,
        fails in proptest::collection::vec(any::<bool>(), 0..60),
    ) {
        let all = pieces(range(0, count * 3600), Some(length("1h")), at(i64::from(i32::MAX))).unwrap();
        let (mut runs, mut fails): (Vec<Run>, _) = (Vec::new(), fails.into_iter());
        while let Some(piece) = next(&backfilled(&[]).progress(&all, &runs)) {
            let status = if fails.next() == Some(true) { RunStatus::Failed } else { RunStatus::Ok };
            runs.insert(0, ran(runs.len() as u128, piece, status, &[]));
        }
        let read: Vec<TimeRange> = runs.iter().rev().filter(|run| run.status == RunStatus::Ok)
            .filter_map(|run| run.details.range).collect();
        prop_assert_eq!(read, all);
    }
}

#[test]
fn the_conditions_of_a_range_name_its_column_literally() {
    let range = TimeRange { from: Timestamp::UNIX_EPOCH, to: Timestamp::from_second(3600).unwrap() };
    let [from, to] = range.conditions("at");
    assert_eq!((from.as_str(), to.as_str()), ("\"at\" >= '1970-01-01T00:00:00Z'", "\"at\" < '1970-01-01T01:00:00Z'"));
    assert_eq!(range.conditions("a\" or :b")[0], "\"a\"\" or \\:b\" >= '1970-01-01T00:00:00Z'");
}
