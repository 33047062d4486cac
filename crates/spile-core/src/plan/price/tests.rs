use std::slice;

use serde_json::json;

use super::*;
use crate::alert::tests::{at, run};
use crate::integration::tests::{LOADER, integrations_of};
use crate::run::RunStatus;
use crate::run::arrival::Arrival;

const SHOP: &str = "type = 'shop'\nloader = 'lake'\nschedule = '0 3 * * *'\nselect = ['*.*', '!audit.*']\n";

fn priced(streams: &[&str], runs: &[Run]) -> Price {
    priced_as(SHOP, Consequence::Resync, streams, runs).unwrap()
}

fn priced_as(file: &str, consequence: Consequence, streams: &[&str], runs: &[Run]) -> Option<Price> {
    let connector = "[plugin]\nname = 'tap-shop'\nnamespace = 'shop'\ncapabilities = ['catalog', 'discover', 'state']\n\
                     [quota]\nrows_per_call = 100\ncalls_per_day = 50\n";
    let files = [("shop", file), ("lake", LOADER)];
    let (integrations, problems) = integrations_of(&[("shop", connector)], &files);
    assert_eq!(problems, Vec::<String>::new());
    let streams = streams.iter().map(|stream| (*stream).to_owned()).collect();
    let verdict = Verdict { consequence, streams, ..Verdict::default() };
    Price::of(&verdict, integrations.find("shop")?, &"dev".parse().unwrap(), runs, at(0))
}

/// A sync that took ten seconds, started with bookmarks of the streams in `before`, and read these rows.
fn sync(second: i64, before: &[&str], rows: &[(&str, u64)]) -> Run {
    let bookmark = |streams: &[&str]| {
        let of = |stream: &&str| ((*stream).to_owned(), json!({"replication_key_value": 7}));
        json!({"bookmarks": streams.iter().map(of).collect::<serde_json::Map<_, _>>()})
    };
    let streams: BTreeMap<String, u64> = rows.iter().map(|(stream, rows)| ((*stream).to_owned(), *rows)).collect();
    let after: Vec<&str> = streams.keys().map(String::as_str).collect();
    Run {
        finished_at: Some(at(second + 10)),
        bookmark_before: (!before.is_empty()).then(|| bookmark(before)),
        bookmark_after: Some(bookmark(&after)),
        streams,
        ..run(RunKind::Sync, RunStatus::Ok, second)
    }
}

#[test]
fn a_stream_costs_its_last_full_read_and_the_syncs_since() {
    let first = sync(-300, &[], &[("orders", 900), ("customers", 100)]);
    let later = sync(-200, &["orders", "customers"], &[("orders", 60), ("customers", 0)]);
    let failed = Run { status: RunStatus::Failed, ..sync(-100, &["orders"], &[("orders", 40)]) };
    let price = priced(&["orders"], &[failed, later, first.clone()]);
    let orders = StreamPrice { rows: 1000, seconds: Some(10.0), calls: Some(10), run: first.id, read_at: at(-300) };
    assert_eq!(price.streams, BTreeMap::from([("orders".to_owned(), orders)]));
    assert_eq!(price.unknown, BTreeSet::new());
}

#[test]
fn the_destinations_count_shows_how_many_later_rows_were_new() {
    let first = sync(-300, &[], &[("orders", 900)]);
    let counted = |after| {
        let mut later = sync(-200, &["orders"], &[("orders", 100)]);
        later.details.arrivals.insert("orders".to_owned(), Arrival { after: Some(after), ..Arrival::default() });
        priced(&["orders"], &[later, first.clone()]).rows()
    };
    assert_eq!(counted(930), 930);
    assert_eq!(counted(5000), 1000, "something else writes to that table too");
    assert_eq!(counted(10), 1000, "the table is emptied now and then");
}

#[test]
fn a_whole_source_means_all_its_selected_streams() {
    let first = sync(-300, &[], &[("orders", 900), ("customers", 100), ("audit", 5)]);
    let price = priced(&["*"], &[first]);
    assert_eq!(price.streams.keys().collect::<Vec<_>>(), ["customers", "orders"]);
    assert_eq!(price.rows(), 1000);
}

#[test]
fn streams_that_no_run_read_in_full_are_unknown() {
    let partial = sync(-200, &["orders"], &[("orders", 60)]);
    let price = priced(&["orders", "refunds"], slice::from_ref(&partial));
    assert_eq!((price.streams.len(), price.unknown.len()), (0, 2));
    assert_eq!(priced(&["*"], &[]).unknown, BTreeSet::from(["*".to_owned()]));
    let failed = Run { status: RunStatus::Failed, ..sync(-200, &[], &[("orders", 60)]) };
    assert_eq!(priced(&["orders"], &[failed]).unknown.len(), 1);
    let unreported = Run { bookmark_before: None, bookmark_after: None, ..partial };
    assert_eq!(priced(&["orders"], slice::from_ref(&unreported)).unknown.len(), 1, "its state may have been too long");
    assert_eq!(priced(&["orders"], &[Run { full_refresh: true, ..unreported }]).rows(), 60);
}

#[test]
fn a_stream_without_a_bookmark_of_its_own_is_read_in_full_each_time() {
    let newest = sync(-200, &["orders"], &[("countries", 250)]);
    let older = sync(-300, &["orders"], &[("countries", 240)]);
    assert_eq!(priced(&["countries"], &[newest, older]).rows(), 250);
}

#[test]
fn more_calls_than_a_day_allows_take_more_days() {
    let price = |rows| priced(&["orders"], &[sync(-300, &[], &[("orders", rows)])]);
    assert_eq!((price(5000).calls(), price(5000).seconds()), (Some(50), Some(10.0)));
    assert_eq!((price(5001).calls(), price(5001).seconds()), (Some(51), Some(86_400.0)));
    assert_eq!(price(5000).starts_at.map(|at| at.to_string()).as_deref(), Some("2023-11-15T03:00:00Z"));
    assert_eq!(price(5000).done_by().map(|at| at.to_string()).as_deref(), Some("2023-11-15T03:00:10Z"));
}

#[test]
fn an_unscheduled_resync_has_no_end_and_a_harmless_change_no_price() {
    let runs = [sync(-300, &[], &[("orders", 100)])];
    let priced = |file, consequence| priced_as(file, consequence, &["orders"], &runs);
    let by_hand = priced("type = 'shop'\nloader = 'lake'\n", Consequence::FullRefresh).unwrap();
    assert_eq!((by_hand.rows(), by_hand.starts_at, by_hand.done_by()), (100, None, None));
    for consequence in [Consequence::None, Consequence::Restart, Consequence::DataLoss] {
        assert_eq!(priced(SHOP, consequence), None);
    }
}
