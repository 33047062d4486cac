use serde_json::json;

use super::*;
use crate::alert::tests::run;
use crate::run::RunStatus;

/// A sync with this many records of `orders`, with or without a bookmark.
fn sync(number: i64, records: u64, bookmark: Option<Value>) -> Run {
    let streams = if records > 0 { [("orders".to_owned(), records)].into() } else { [].into() };
    Run { records: Some(records), streams, bookmark_before: bookmark, ..run(RunKind::Sync, RunStatus::Ok, number) }
}

fn found(now: &Run, earlier: &[Run]) -> Vec<String> {
    let known = Expectations { earlier, is_read: &|_| true, likely: &|| None };
    of_records(now, &known, Severity::Warn).into_iter().map(|one| one.sentence).collect()
}

/// A sync that continued from a bookmark.
fn on(number: i64, records: u64) -> Run {
    sync(number, records, Some(json!({ "bookmarks": { "orders": { "replication_key_value": 7 } } })))
}

#[test]
fn a_full_read_without_records_is_found_as_long_as_it_lasts() {
    let empty = |number| sync(number, 0, None);
    let said = "no records arrived, but the last sync with records moved 18";
    assert_eq!(found(&empty(9), &[]), [""; 0], "nothing is known about earlier syncs");
    assert_eq!(found(&empty(9), &[sync(8, 18, None)]), [said]);
    assert_eq!(found(&empty(9), &[empty(8), empty(7), sync(6, 18, None)]), [said]);
    let failed = Run { status: RunStatus::Failed, ..sync(8, 18, None) };
    assert_eq!(found(&empty(9), &[failed]), [""; 0]);
    // As tap libraries write it for streams that are read in full.
    let none = Some(json!({ "bookmarks": { "orders": {} } }));
    assert_eq!(found(&sync(9, 0, none), &[sync(8, 18, None)]), [said]);
}

#[test]
fn an_incremental_sync_may_find_nothing_new_unless_it_always_did() {
    let steady = [on(8, 5), on(7, 6), on(6, 7), sync(5, 900, None)];
    assert_eq!(found(&on(9, 0), &steady[1..]), [""; 0]);
    assert_eq!(found(&on(9, 0), &steady).len(), 1);
    let with_a_gap = [steady.as_slice(), &[on(4, 0)]].concat();
    assert_eq!(found(&on(9, 0), &with_a_gap), [""; 0]);
    assert_eq!(found(&on(9, 3), &steady), [""; 0], "it is not compared with full reads");
    let again = Run { full_refresh: true, ..on(9, 0) };
    assert_eq!(found(&again, &steady[3..]).len(), 1, "a full refresh reads everything");
}

#[test]
fn a_stream_with_a_tenth_of_its_usual_records_is_reported_with_numbers() {
    let usual = [sync(8, 1000, None), sync(7, 1200, None), sync(6, 100_000, None)];
    assert_eq!(found(&sync(9, 120, None), &usual), ["`orders` had 120 records, but usually has 1200"]);
    assert_eq!(found(&sync(9, 121, None), &usual), [""; 0]);
    assert_eq!(found(&sync(9, 1, None), &[sync(8, 9, None)]), [""; 0], "small numbers vary");
    let other = Run { streams: [("others".to_owned(), 7)].into(), ..sync(9, 7, None) };
    assert_eq!(found(&other, &usual), ["`orders` had 0 records, but usually has 1200"]);
    let known = Expectations { earlier: &usual, is_read: &|stream| stream != "orders", likely: &|| None };
    assert_eq!(of_records(&other, &known, Severity::Warn), [], "it is no longer selected");
}

#[test]
fn the_likely_reason_is_named() {
    let earlier = [sync(8, 18, None)];
    let known =
        Expectations { earlier: &earlier, is_read: &|_| true, likely: &|| Some("`folder` is not there".to_owned()) };
    let found = of_records(&sync(9, 0, None), &known, Severity::Fail);
    assert!(found[0].sentence.ends_with("moved 18: `folder` is not there"), "{found:?}");
}

#[test]
fn the_most_severe_counts_and_all_are_named() {
    let facts = CatalogFacts {
        missing: vec!["refunds".to_owned()],
        unselected: vec!["b".to_owned()],
        failed: Some("Traceback\nValueError: no\n".to_owned()),
        ..CatalogFacts::default()
    };
    let wanted = Sync { failed_discovery: Severity::Ok, ..Sync::default() };
    let found = gravest(&of_catalog(&facts, &wanted)).unwrap();
    assert_eq!((found.severity, found.cause), (Severity::Fail, Cause::Unselected));
    assert_eq!(
        found.sentence,
        "the tap ignores `select` and also read `b`; the files use `refunds`, which the source does not offer"
    );
    assert_eq!(gravest(&of_catalog(&CatalogFacts::default(), &wanted)), None);
    let old = CatalogFacts { failed: facts.failed, ..CatalogFacts::default() };
    assert_eq!(gravest(&of_catalog(&old, &wanted)), None);
    let found = gravest(&of_catalog(&old, &Sync::default())).unwrap();
    assert!(found.cause == Cause::OldCatalog && found.sentence.ends_with(": ValueError: no"), "{found:?}");
}
