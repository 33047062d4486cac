use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::alert::tests::run;
use crate::run::RunStatus;

fn stream(name: &str) -> SelectedStream {
    SelectedStream { name: name.to_owned(), sent_as: name.to_owned(), is_from_log: false }
}

fn usual(records: &[(&str, u64)]) -> UsualRecords {
    UsualRecords(records.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
}

fn divided(streams: &[&str], records: &[(&str, u64)], most: usize) -> Vec<Vec<String>> {
    let parts = divide(streams.iter().map(|name| stream(name)).collect(), &usual(records), most);
    let names = |part: &Part| part.streams.iter().map(|stream| stream.name.clone()).collect();
    parts.iter().map(names).collect()
}

#[test]
fn the_heaviest_streams_are_placed_first() {
    let records = [("big", 100), ("mid", 60), ("low", 50), ("tiny", 1)];
    assert_eq!(divided(&["tiny", "low", "mid", "big"], &records, 2), [vec!["low", "mid"], vec!["big", "tiny"]]);
    assert_eq!(divided(&["a", "b", "c", "d"], &[], 2), [["a", "c"], ["b", "d"]], "without earlier runs, by number");
    assert_eq!(divided(&["a", "b"], &[], 9).len(), 2);
    assert_eq!(divided(&[], &[], 9).len(), 0);
}

#[test]
fn streams_from_a_log_and_streams_of_one_name_stay_together() {
    let of = |name: &str, sent_as: &str, is_from_log| SelectedStream {
        name: name.to_owned(),
        sent_as: sent_as.to_owned(),
        is_from_log,
    };
    let streams =
        vec![of("a", "a", true), of("b", "b", true), of("c", "x", false), of("d", "x", false), of("e", "e", false)];
    let parts = divide(streams, &UsualRecords::default(), 9);
    let names: Vec<_> = parts.iter().map(Part::names).collect();
    assert_eq!(names, [BTreeSet::from(["a", "b"]), BTreeSet::from(["c", "d"]), BTreeSet::from(["e"])]);
}

#[test]
fn what_is_usual_comes_from_syncs_of_all_streams_that_succeeded() {
    let sync = |status, records| {
        let streams = BTreeMap::from([("a".to_owned(), records)]);
        Run { streams, ..run(RunKind::Sync, status, 0) }
    };
    let mut narrow = sync(RunStatus::Ok, 900);
    narrow.details.filter.only = vec!["a".to_owned()];
    let earlier = [sync(RunStatus::Ok, 5), narrow, sync(RunStatus::Failed, 700), sync(RunStatus::Warning, 7)];
    assert_eq!(UsualRecords::of(&earlier).0, BTreeMap::from([("a".to_owned(), 12)]));
}

#[test]
fn a_stream_of_another_part_or_of_two_parts_is_reported() {
    let renamed = SelectedStream { sent_as: "orders".to_owned(), ..stream("public-orders") };
    let parts = divide(vec![renamed, stream("users")], &usual(&[("orders", 9)]), 2);
    let mut owners = StreamOwners::of(&parts);
    assert_eq!(owners.read(1, "orders"), Ok(()));
    assert_eq!(owners.read(1, "public-orders"), Ok(()));
    assert_eq!(owners.read(2, "users"), Ok(()));
    assert_eq!(owners.read(2, "unknown"), Ok(()));
    let shared = |stream: &str, part, owner| Err(SharedStream { stream: stream.to_owned(), part, owner });
    assert_eq!(owners.read(1, "unknown"), shared("unknown", 1, 2));
    assert_eq!(owners.read(2, "orders"), shared("orders", 2, 1));
}

#[test]
fn a_pattern_of_a_stream_matches_only_that_stream() {
    let part = Part { number: 1, of: 1, streams: vec![stream("a*[b]?")] };
    assert_eq!(part.patterns(), ["a[*][[]b][?]"]);
}

#[test]
fn each_bookmark_is_the_one_of_its_own_part() {
    let (first, second) = (
        json!({"bookmarks": {"a": {"id": 2}, "b": {"id": 1}, "gone": {"id": 1}}}),
        json!({"bookmarks": {"a": {"id": 1}, "b": {"id": 3}}}),
    );
    let of = |streams: &[&'static str], state| ReportedState { streams: streams.iter().copied().collect(), state };
    let reports = [of(&["c"], None), of(&["a"], Some(&first)), of(&["b", "gone"], Some(&second))];
    assert_eq!(joined(&reports), Some(json!({"bookmarks": {"a": {"id": 2}, "b": {"id": 3}}})));
    assert_eq!(joined(&reports[..1]), None);
    let empty = json!({});
    assert_eq!(joined(&[of(&["a"], Some(&empty)), of(&["b"], Some(&second))]).unwrap()["bookmarks"]["b"]["id"], 3);
}

/// Any streams, some with a name in common and some from a log, and how many records they usually have.
fn any_streams() -> impl Strategy<Value = Vec<(SelectedStream, u64)>> {
    let one = ("[a-d*\\[]{1,3}", "[a-d]{1,2}", any::<bool>(), prop::bool::weighted(0.2), any::<u64>());
    let one = one.prop_map(|(name, other, is_renamed, is_from_log, records)| {
        let sent_as = if is_renamed { other } else { name.clone() };
        (SelectedStream { name, sent_as, is_from_log }, records)
    });
    prop::collection::vec(one, 0..30)
}

proptest! {
    #[test]
    fn parts_have_no_stream_in_common_and_leave_out_none(streams in any_streams(), most in 1..9usize) {
        let usual = UsualRecords(streams.iter().map(|(one, records)| (one.sent_as.clone(), *records)).collect());
        let all: Vec<SelectedStream> = streams.into_iter().map(|(stream, _)| stream).collect();
        let parts = divide(all.clone(), &usual, most);
        prop_assert!(parts.len() <= most && parts.iter().all(|part| !part.streams.is_empty()));
        let names: BTreeSet<&str> = all.iter().map(|stream| stream.name.as_str()).collect();
        prop_assert_eq!(parts.iter().map(|part| part.names().len()).sum::<usize>(), names.len(), "disjoint");
        prop_assert_eq!(parts.iter().flat_map(Part::names).collect::<BTreeSet<_>>(), names);
        let of_log = |part: &&Part| part.streams.iter().any(|stream| stream.is_from_log);
        prop_assert!(parts.iter().filter(of_log).count() <= 1);
        let mut owners = StreamOwners::of(&parts);
        for part in &parts {
            for stream in &part.streams {
                prop_assert_eq!(owners.read(part.number, &stream.sent_as), Ok(()));
            }
        }
    }

    #[test]
    fn joined_parts_of_a_state_are_the_state(streams in any_streams(), stale in any::<u64>(), most in 1..9usize) {
        let parts = divide(streams.iter().map(|(one, _)| one.clone()).collect(), &UsualRecords::default(), most);
        let marks = |stale_outside: Option<&Part>| -> Value {
            let mark = |(stream, records): &(SelectedStream, u64)| {
                let is_stale = stale_outside.is_some_and(|part| !part.names().contains(stream.name.as_str()));
                (stream.name.clone(), json!({ "id": if is_stale { stale } else { *records } }))
            };
            json!({ "bookmarks": streams.iter().map(mark).collect::<Map<_, _>>() })
        };
        let seen: Vec<Value> = parts.iter().map(|part| marks(Some(part))).collect();
        let reports: Vec<_> = parts
            .iter()
            .zip(&seen)
            .map(|(part, state)| ReportedState { streams: part.names(), state: Some(state) })
            .collect();
        prop_assert_eq!(joined(&reports), (!parts.is_empty()).then(|| marks(None)));
    }
}
