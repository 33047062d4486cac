use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::plan::tests::{current, entry, head, id, row};
use crate::plan::{Revision, Snapshot};

/// A plugin that reads customers and orders.
fn shop() -> Entry {
    let mut shop = entry(1, "a");
    select(&mut shop, &["customers.*", "orders.*"]);
    shop
}

fn select(of: &mut Entry, patterns: &[&str]) {
    of.base.select = Some(patterns.iter().map(|pattern| (*pattern).to_owned()).collect());
}

fn define(of: &mut Entry, keys: &[(&str, &str)]) {
    let keys: Map<String, Value> = keys.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    of.definition = Arc::new(keys.into());
}

/// The verdict on a row and a plugin that change from `before` to `after`.
fn verdict(before: (Row, Entry), after: (Row, Entry)) -> Option<Verdict> {
    verdict_with(before, after, Choices::default())
}

fn verdict_with(before: (Row, Entry), after: (Row, Entry), choices: Choices) -> Option<Verdict> {
    let snapshot =
        |entry| Snapshot::new([(id(1), entry)].into_iter().collect(), String::new(), Revision(String::new()));
    let mut there = current(&[], &[]);
    there.registry.state = [(id(1), before.0)].into_iter().collect();
    there.meltano = snapshot(before.1);
    let registry = Step::between(&there.registry, &[(id(1), after.0)].into_iter().collect(), ());
    let meltano = Step::between(&there.meltano, &[(id(1), after.1)].into_iter().collect(), String::new());
    let head = Head { choices: [(id(1), choices)].into(), ..head() };
    judge(&there, &registry, &meltano, &Integrations::default(), &head).remove(&id(1))
}

fn of_plugin(change: impl Fn(&mut Entry)) -> Option<Verdict> {
    let mut after = shop();
    change(&mut after);
    verdict((row(1, "a"), shop()), (row(1, "a"), after))
}

fn of_row(change: impl Fn(&mut Row)) -> Option<Verdict> {
    let mut after = row(1, "a");
    change(&mut after);
    verdict((row(1, "a"), shop()), (after, shop()))
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be silent")]
fn told(consequence: Consequence, reason: &str, streams: &[&str]) -> Option<Verdict> {
    let (reasons, streams) =
        ([Phrase::parse(reason)].into(), streams.iter().map(|stream| (*stream).to_owned()).collect());
    Some(Verdict { consequence, reasons, streams, ..Verdict::default() })
}

#[test]
fn only_newly_selected_streams_are_read_from_the_start() {
    let newly = |streams| told(Consequence::Resync, "newly selected streams are read from the start", streams);
    assert_eq!(of_plugin(|shop| select(shop, &["orders.*"])), None);
    assert_eq!(of_plugin(|shop| select(shop, &["orders.*", "refunds.*"])), newly(&["refunds"]));
    assert_eq!(of_plugin(|shop| shop.base.select = None), newly(&["*"]));
}

#[test]
fn a_changed_replication_reads_its_stream_again_only_in_environments_where_it_changes() {
    let replication = || [("orders".to_owned(), json!({"replication-method": "FULL_TABLE"}))].into_iter().collect();
    let again = told(Consequence::Resync, "the replication of `orders` changes", &["orders"]);
    assert_eq!(of_plugin(|shop| shop.base.metadata = replication()), again);
    let overlaid = |environment: &str| {
        of_plugin(|shop| {
            shop.environments.entry(environment.parse().unwrap()).or_default().metadata = replication();
        })
    };
    assert_eq!(overlaid("dev"), again);
    let elsewhere = Phrase::parse("in `prod`, the replication of `orders` changes");
    assert_eq!(overlaid("prod"), Some(Verdict { reasons: [elsewhere].into(), ..Verdict::default() }));
}

#[test]
fn what_an_environment_overrides_does_not_change_with_the_base() {
    let mut before = shop();
    let dev = before.environments.entry("dev".parse().unwrap()).or_default();
    dev.select = Some(["orders.*".to_owned()].into());
    let mut after = before.clone();
    select(&mut after, &["refunds.*"]);
    after.environments.insert("prod".parse().unwrap(), after.environments["dev"].clone());
    assert_eq!(verdict((row(1, "a"), before), (row(1, "a"), after)), None);
}

#[test]
fn another_plugin_or_connector_reads_all_again_but_another_version_only_reinstalls() {
    let all = ["customers", "orders"];
    let anew = |reason| told(Consequence::FullRefresh, reason, &all);
    let installed = told(Consequence::Restart, "the plugin is reinstalled", &all);
    assert_eq!(of_plugin(|shop| define(shop, &[("name", "tap"), ("pip_url", "tap==2")])), installed);
    assert_eq!(of_plugin(|shop| define(shop, &[("name", "tap"), ("executable", "tap-2")])), installed);
    let other = anew("another plugin starts without a bookmark");
    assert_eq!(of_plugin(|shop| define(shop, &[("name", "tap-2")])), other);
    let other = anew("another connector starts without a bookmark");
    assert_eq!(of_row(|row| "mysql".clone_into(&mut row.connector)), other);
}

#[test]
fn changes_without_consequences_are_ignored() {
    assert_eq!(of_plugin(|shop| define(shop, &[("name", "tap"), ("label", "Tap")])), None);
    assert_eq!(of_plugin(|shop| shop.interval = Some("@daily".to_owned())), None);
    assert_eq!(of_row(|row| "Store".clone_into(&mut row.name)), None);
}

#[test]
fn the_same_moment_written_in_full_reads_nothing_again() {
    use crate::connector::{Kind, tests::setting};
    let differs =
        |before: &str, after: &str| Difference::Plain { before: Some(json!(before)), after: Some(json!(after)) };
    let date = setting("start_date", Kind::Date);
    assert!(is_same(&date, &differs("2024-01-01", "2024-01-01T00:00:00Z")));
    assert!(!is_same(&date, &differs("2024-01-01", "2024-01-02")));
    assert!(!is_same(&setting("prefix", Kind::String), &differs("2024-01-01", "2024-01-01T00:00:00Z")));
    assert!(!is_same(&date, &Difference::Plain { before: None, after: Some(json!("2024-01-01")) }));
}

#[test]
fn bookmarks_move_along_with_a_rename_that_has_no_other_consequence() {
    let with_loader = |plugin: &str| Entry { plugin: plugin.to_owned(), loader: Some("target".to_owned()), ..shop() };
    let renamed = verdict((row(1, "a"), with_loader("tap--shop")), (row(1, "a"), with_loader("tap--store")));
    let state = Some(("dev:tap--shop-to-target".to_owned(), "dev:tap--store-to-target".to_owned()));
    assert_eq!(renamed, Some(Verdict { state, ..Verdict::default() }));
}

/// The verdict on a plugin that changes, with choices.
fn chosen(forward_only: &[&str], backfill: &[(&str, &str)], change: impl Fn(&mut Entry)) -> Option<Verdict> {
    let mut after = shop();
    change(&mut after);
    let choices = Choices {
        forward_only: forward_only.iter().map(|one| (*one).to_owned()).collect(),
        backfill: backfill.iter().map(|(stream, date)| ((*stream).to_owned(), (*date).to_owned())).collect(),
    };
    let mut part = shop();
    select(&mut part, &["customers.*", "orders.id"]);
    verdict_with((row(1, "a"), part), (row(1, "a"), after), choices)
}

#[test]
fn a_stream_that_only_goes_forward_is_not_read_again() {
    let forward = chosen(&["orders"], &[], |_| ()).unwrap();
    assert_eq!((forward.consequence, forward.streams.len()), (Consequence::None, 0));
    let reason = "older rows of `orders` keep the old value: newly selected streams are read from the start";
    assert_eq!(forward.reasons, [Phrase::parse(reason)].into());
    assert_eq!(forward.forward_only, ["orders".to_owned()].into());
    assert!(!forward.reads_again("orders") && forward.has_choices());
    let other = chosen(&["customers"], &[], |_| ()).unwrap();
    assert_eq!((other.consequence, other.has_choices()), (Consequence::Resync, false));
}

#[test]
fn a_new_stream_or_one_with_another_replication_is_read_again_whatever_is_chosen() {
    let new = chosen(&["*"], &[], |shop| select(shop, &["customers.*", "orders.id", "refunds.*"])).unwrap();
    assert_eq!((new.consequence, new.has_choices()), (Consequence::Resync, false));
    let replicated = |shop: &mut Entry| {
        shop.base.metadata = [("orders".to_owned(), json!({"replication-key": "id"}))].into_iter().collect();
    };
    let both = chosen(&["orders"], &[], replicated).unwrap();
    assert_eq!((both.consequence, both.reads_again("orders")), (Consequence::Resync, true));
    let dated = chosen(&[], &[("orders", "2026-01-01")], replicated).unwrap();
    assert_eq!((dated.consequence, dated.reads_again("orders")), (Consequence::Resync, false));
    assert_eq!(dated.backfill, [("orders".to_owned(), "2026-01-01".to_owned())].into());
}
