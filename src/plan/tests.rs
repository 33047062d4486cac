use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::connector::Role;
use crate::record::entry::{Origin, Setup};

fn id(number: u128) -> IntegrationId {
    IntegrationId(Uuid::from_u128(number))
}

fn row(number: u128, host: &str) -> Row {
    Row {
        slug: format!("shop-{number}").parse().unwrap(),
        connector: "postgres".to_owned(),
        name: "Shop".to_owned(),
        enabled: true,
        config: [("host".to_owned(), json!(host))].into(),
        secrets: None,
    }
}

fn entry(number: u128, host: &str) -> Entry {
    let definition = serde_json::Map::from_iter([("name".to_owned(), json!("tap"))]);
    Entry {
        slug: format!("shop-{number}").parse().unwrap(),
        role: Role::Extractor,
        protect: false,
        plugin: format!("tap--shop-{number}"),
        origin: Origin::Made,
        definition: std::sync::Arc::new(definition.into()),
        base: Setup { config: row(number, host).config, ..Setup::default() },
        environments: BTreeMap::new(),
        loader: None,
        interval: None,
    }
}

fn rows(hosts: &[(u128, &str)]) -> State<Row> {
    hosts.iter().map(|(number, host)| (id(*number), row(*number, host))).collect()
}

fn entries(hosts: &[(u128, &str)]) -> State<Entry> {
    hosts.iter().map(|(number, host)| (id(*number), entry(*number, host))).collect()
}

/// What is there, by numbers and hosts: the rows and the plugins.
fn current(in_registry: &[(u128, &str)], in_file: &[(u128, &str)]) -> Current {
    Current {
        registry: Snapshot::new(rows(in_registry), (), Revision("1".to_owned())),
        meltano: Snapshot::new(entries(in_file), String::new(), Revision("1".to_owned())),
        outputs: BTreeMap::new(),
        remembered: State::default(),
    }
}

fn plan(current: &Current, in_registry: &[(u128, &str)], in_file: &[(u128, &str)]) -> Plan {
    let desired = Desired { registry: rows(in_registry), meltano: entries(in_file), protected: BTreeSet::new() };
    let about = ("acme".to_owned(), "dev".parse().unwrap(), Scope::Everything);
    Plan::new(about, current, &desired, (&Integrations::default(), String::new()))
}

#[test]
fn what_happens_to_an_integration_is_what_happens_to_it_as_a_whole() {
    let there = current(&[(1, "a"), (2, "a"), (3, "a"), (5, "a")], &[(1, "a"), (2, "a"), (3, "a"), (6, "a")]);
    let planned = plan(&there, &[(2, "b"), (3, "a"), (4, "a"), (6, "a")], &[(1, "b"), (3, "b"), (4, "a"), (6, "b")]);
    for (number, action, why) in [
        (1, Action::Delete, "the row goes, and its bookmarks with it, whatever the plugin does"),
        (2, Action::Update, "the row changes and the plugin goes"),
        (3, Action::Update, "the plugin alone changes"),
        (4, Action::Create, "both come"),
        (5, Action::Delete, "the row alone is there, and goes"),
        (6, Action::Update, "the row comes back to a plugin that changes"),
    ] {
        assert_eq!(planned.action(&id(number)), action, "{why}");
    }
}

#[test]
fn each_integration_is_counted_once_and_rows_of_others_apart() {
    let mut there = current(&[(1, "a"), (2, "a"), (3, "a")], &[(1, "a"), (2, "a"), (3, "a")]);
    there.registry.foreign = vec![Foreign { id: "x".to_owned(), name: "Theirs".to_owned(), managed_by: None }];
    let planned = plan(&there, &[(1, "a"), (2, "b"), (4, "a")], &[(1, "a"), (2, "b"), (4, "a")]);
    let counted = Summary { create: 1, update: 1, delete: 1, unchanged: 1, unmanaged: 1 };
    assert_eq!(planned.summary(), counted);
    assert!(planned.is_destructive(), "a delete is");
    let planned = plan(&there, &[(1, "a"), (2, "a"), (3, "a"), (4, "a")], &[(1, "a"), (2, "a"), (3, "a"), (4, "a")]);
    assert!(!planned.is_destructive(), "what comes destroys nothing");
}

#[test]
fn what_is_not_there_after_an_apply_is_counted_in_every_target() {
    let wanted: [(u128, &str); 2] = [(1, "b"), (2, "b")];
    let mut planned = plan(&current(&[(1, "a")], &[(1, "a")]), &wanted, &wanted);
    let step = OutputStep { path: "dags/shop.py".into(), before: String::new(), after: "dag\n".to_owned() };
    planned.outputs.steps.push(step);
    let mut after = current(&wanted, &wanted);
    after.outputs.insert("dags/shop.py".into(), "dag\n".to_owned());
    assert_eq!(planned.left_in(&after), 0);
    after.outputs.clear();
    assert_eq!(planned.left_in(&after), 1);
    after.registry.state = rows(&[(1, "a")]);
    assert_eq!(planned.left_in(&after), 3, "a row that did not change and one that did not come");
    after.meltano.state = entries(&[(1, "b")]);
    assert_eq!(planned.left_in(&after), 4);
}
