//! The findings that follow from what a tap delivered.

use std::cmp::Reverse;

use serde_json::Value;

use super::{Batched, BatchedStream, Continued, Discoveries, Finding, Kind, Measured, MeasuredStream, Restart, Sample};
use crate::problem::{counted, first_of};
use crate::run::preview::MASK;
use crate::secrecy::is_value;

/// The most names that a sentence lists.
const LISTED: usize = 5;

/// Returns the reasons for a grade, worst first.
#[must_use]
pub fn findings(measured: &Measured, discoveries: &Discoveries) -> Vec<Finding> {
    let mut found: Vec<Finding> = of_discoveries(discoveries).into_iter().collect();
    for stream in &measured.streams {
        found.extend(of_stream(stream));
        found.extend(of_restarts(stream, measured));
    }
    found.extend(of_states(measured));
    found.extend(measured.batch.iter().flat_map(|batch| of_batches(batch, measured)));
    found.sort_by_key(|finding| Reverse(finding.grade));
    found
}

fn finding(kind: Kind, stream: Option<&MeasuredStream>, message: String) -> Finding {
    let stream = stream.map(|stream| stream.stream.clone());
    Finding { kind, grade: kind.grade(), stream, message, examples: Vec::new() }
}

/// Returns a finding with the keys of some records.
fn with_examples(kind: Kind, stream: &MeasuredStream, message: String, sample: &Sample) -> Finding {
    let examples = sample.examples.iter().map(|key| key_text(key)).collect();
    Finding { examples, ..finding(kind, Some(stream), message) }
}

fn key_text(key: &[Value]) -> String {
    let part = |value: &Value| match value {
        Value::String(text) if is_value(text) => MASK.to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    key.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn of_discoveries(discoveries: &Discoveries) -> Option<Finding> {
    match discoveries {
        Discoveries::Equal => None,
        Discoveries::Different(streams) => {
            let streams = listed(streams);
            let message = format!("two discoveries in a row differ in {streams}");
            Some(finding(Kind::UnstableDiscovery, None, message))
        }
        Discoveries::Unsupported => {
            let message = "the tap has no discovery, so it was not compared".to_owned();
            Some(finding(Kind::NoDiscovery, None, message))
        }
    }
}

/// Returns what is wrong with the records of an uninterrupted read.
fn of_stream(stream: &MeasuredStream) -> Vec<Finding> {
    let MeasuredStream { null_keys, repeated_keys, out_of_order, without_schema, .. } = stream;
    let plain = |kind, message: String| finding(kind, Some(stream), message);
    let mut found = Vec::new();
    if stream.records == 0 {
        found.push(plain(Kind::Empty, "has no records, so nothing is known about it".to_owned()));
        return found;
    }
    if null_keys.count > 0 {
        let key = listed(&stream.key);
        let message = format!("has {} without a value of its key ({key})", counted(null_keys.count, "record"));
        found.push(with_examples(Kind::NullKey, stream, message, null_keys));
    }
    if repeated_keys.count > 0 {
        let message = format!("has {} with the key of an earlier one", counted(repeated_keys.count, "record"));
        found.push(with_examples(Kind::RepeatedKey, stream, message, repeated_keys));
    }
    for wrong in &stream.wrong_types {
        let declared = wrong.declared.join(" or ");
        let what = counted(wrong.count, "record");
        let message =
            format!("has {what} in which `{}` is of type {}, but the schema says {declared}", wrong.field, wrong.found);
        found.push(plain(Kind::WrongType, message));
    }
    if *without_schema > 0 {
        let message = format!("has {} before its schema", counted(*without_schema, "record"));
        found.push(plain(Kind::WithoutSchema, message));
    }
    if stream.key.is_empty() {
        let message = "has no key, so a loader cannot merge records that arrive again".to_owned();
        found.push(plain(Kind::NoKey, message));
    }
    if !stream.undeclared.is_empty() {
        let fields = listed(&stream.undeclared);
        let message = format!("has fields that its schema does not declare, which many loaders drop: {fields}");
        found.push(plain(Kind::Undeclared, message));
    }
    if *out_of_order > 0 {
        let key = stream.replication_key.as_deref().unwrap_or_default();
        let message = format!("has {} out of the order of `{key}`", counted(*out_of_order, "record"));
        found.push(plain(Kind::OutOfOrder, message));
    }
    found
}

fn listed(names: &[String]) -> String {
    first_of(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>(), LISTED)
}

/// Returns what a stream loses or repeats after restarts: of each kind the worst.
fn of_restarts(stream: &MeasuredStream, measured: &Measured) -> Vec<Finding> {
    let restarts = || {
        let parts = measured.restarts.iter().map(|restart| (restart.state, &restart.streams));
        parts.flat_map(|(state, streams)| streams.iter().map(move |one| (state, one)))
    };
    let own = || restarts().filter(|(_, one)| one.stream == stream.stream);
    let worst = |count: fn(&Continued) -> u64| {
        own().max_by_key(|(state, one)| (count(one), Reverse(*state))).filter(|(_, one)| count(one) > 0)
    };
    let mut found = Vec::new();
    if let Some((state, one)) = worst(|one| one.lost.count) {
        let (lost, all) = (one.lost.count, counted(stream.records, "record"));
        let message = format!("loses {lost} of {all} when the tap continues from its state {state}");
        found.push(with_examples(Kind::Lost, stream, message, &one.lost));
    }
    if let Some((state, one)) = worst(|one| one.earlier) {
        let count = counted(one.earlier, "record");
        found.push(if stream.replication_key.is_some() {
            let message = format!("repeats {count} from before its bookmark after a restart from state {state}");
            finding(Kind::RepeatsEarlier, Some(stream), message)
        } else {
            let message = format!("has no replication key: repeats {count} after a restart from state {state}");
            finding(Kind::StartsOver, Some(stream), message)
        });
    }
    if let Some((_, one)) = worst(|one| one.last) {
        let count = counted(one.last, "record");
        let message = format!("repeats {count} with the bookmark's own value after a restart");
        found.push(finding(Kind::RepeatsLast, Some(stream), message));
    }
    found
}

/// Returns what is to say about the states as a whole.
fn of_states(measured: &Measured) -> Vec<Finding> {
    if measured.states == 0 {
        let message = "the tap has no state: every sync reads everything, and a restart was not tried".to_owned();
        return vec![finding(Kind::NoState, None, message)];
    }
    let of_restart = |restart: &Restart| {
        let state = restart.state;
        if restart.missed {
            let message = format!("a second read ended before it came to state {state}, so it was not tried");
            return Some(finding(Kind::MissedState, None, message));
        }
        let why = restart.failed.as_ref()?;
        let message = format!("the tap fails when it continues from its own state {state}: {why}");
        Some(finding(Kind::CannotContinue, None, message))
    };
    measured.restarts.iter().filter_map(of_restart).collect()
}

/// Returns what a read in batches showed.
fn of_batches(batch: &Batched, measured: &Measured) -> Vec<Finding> {
    if let Some(why) = &batch.failed {
        let message = format!("the tap fails when it writes batches: {why}");
        return vec![finding(Kind::CannotBatch, None, message)];
    }
    if batch.batches == 0 && measured.streams.iter().any(|stream| stream.records > 0) {
        let message = "the tap writes no batches, although its definition lists `batch`".to_owned();
        return vec![finding(Kind::NoBatch, None, message)];
    }
    let read = |stream: &BatchedStream| measured.streams.iter().find(|one| one.stream == stream.stream);
    batch.streams.iter().filter_map(|stream| Some(of_batched(stream, read(stream)?))).flatten().collect()
}

fn of_batched(stream: &BatchedStream, read: &MeasuredStream) -> Vec<Finding> {
    let mut found = Vec::new();
    if stream.lost.count > 0 {
        let (lost, all) = (stream.lost.count, counted(read.records, "record"));
        let message = format!("loses {lost} of {all} in batches");
        found.push(with_examples(Kind::BatchLost, read, message, &stream.lost));
    }
    if !stream.unselected.is_empty() {
        let fields = listed(&stream.unselected);
        let message = format!("has fields in batches that are not selected, so a sync in batches fails: {fields}");
        found.push(finding(Kind::CannotBatch, Some(read), message));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::certify::Grade;

    fn grade(measured: Value, discoveries: &Discoveries) -> (Grade, Vec<Kind>) {
        let measured: Measured = serde_json::from_value(measured).unwrap();
        let found = findings(&measured, discoveries);
        let worst = found.iter().map(|one| one.grade).max().unwrap_or(Grade::A);
        (worst, found.into_iter().map(|one| one.kind).collect())
    }

    fn orders(more: &Value) -> Value {
        let mut stream = json!({ "stream": "orders", "records": 9, "key": ["id"], "replication_key": "at" });
        stream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stream
    }

    fn restart(counts: &Value) -> Value {
        let mut one = json!({ "stream": "orders" });
        one.as_object_mut().unwrap().extend(counts.as_object().unwrap().clone());
        json!({ "state": 2, "streams": [one] })
    }

    #[test]
    fn repeats_of_the_bookmarks_own_value_are_no_fault_and_lost_records_are_the_worst() {
        let with =
            |counts: Value| json!({ "streams": [orders(&json!({}))], "states": 3, "restarts": [restart(&counts)] });
        let equal = &Discoveries::Equal;
        assert_eq!(grade(with(json!({})), equal), (Grade::A, vec![]));
        assert_eq!(grade(with(json!({ "last": 1 })), equal), (Grade::A, vec![Kind::RepeatsLast]));
        assert_eq!(grade(with(json!({ "earlier": 4 })), equal), (Grade::B, vec![Kind::RepeatsEarlier]));
        let lost = json!({ "last": 1, "lost": { "count": 1, "examples": [[7]] } });
        assert_eq!(grade(with(lost), equal), (Grade::F, vec![Kind::Lost, Kind::RepeatsLast]));
        let unstable = Discoveries::Different(vec!["orders".to_owned()]);
        assert_eq!(grade(with(json!({})), &unstable), (Grade::D, vec![Kind::UnstableDiscovery]));
    }

    #[test]
    fn a_tap_without_states_or_keys_passes_but_no_better_than_c() {
        let unknown = json!({ "streams": [orders(&json!({ "key": [], "replication_key": null }))] });
        assert_eq!(
            grade(unknown, &Discoveries::Unsupported),
            (Grade::C, vec![Kind::NoKey, Kind::NoState, Kind::NoDiscovery])
        );
        assert!(Grade::C.is_passed() && !Grade::D.is_passed());
        let failed = json!({ "streams": [orders(&json!({}))], "states": 1, "restarts": [{ "state": 1, "failed": "exit code 1" }] });
        assert_eq!(grade(failed, &Discoveries::Equal), (Grade::F, vec![Kind::CannotContinue]));
    }

    #[test]
    fn batches_are_compared_with_single_records() {
        let with = |batch: Value| json!({ "streams": [orders(&json!({}))], "states": 1, "batch": batch });
        let found = |batch| grade(with(batch), &Discoveries::Equal);
        assert_eq!(found(json!({ "batches": 1 })), (Grade::A, vec![]));
        assert_eq!(found(json!({ "batches": 0 })), (Grade::B, vec![Kind::NoBatch]));
        assert_eq!(found(json!({ "failed": "the tap ended with exit code 1" })), (Grade::B, vec![Kind::CannotBatch]));
        let stream = json!({ "stream": "orders", "lost": { "count": 2 }, "unselected": ["phone"] });
        let both = found(json!({ "batches": 1, "streams": [stream] }));
        assert_eq!(both, (Grade::F, vec![Kind::BatchLost, Kind::CannotBatch]));
    }

    #[test]
    fn of_several_restarts_the_worst_is_named_and_secrets_in_keys_are_masked() {
        let lost = |state: u64, count: u64, key: &str| json!({ "state": state, "streams": [{ "stream": "orders", "lost": { "count": count, "examples": [[key, 1]] } }] });
        let restarts = json!([lost(1, 1, "a"), lost(5, 3, "postgres://me:hunter2@db/x"), lost(9, 2, "c")]);
        let measured = json!({ "streams": [orders(&json!({}))], "states": 9, "restarts": restarts });
        let found = findings(&serde_json::from_value(measured).unwrap(), &Discoveries::Equal);
        assert_eq!(found[0].message, "loses 3 of 9 records when the tap continues from its state 5");
        assert_eq!(found[0].examples, ["***, 1"]);
    }
}
