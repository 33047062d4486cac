use std::slice;

use serde_json::json;
use uuid::Uuid;

use super::guard::Allowance;
use super::*;
use crate::connector::Role;
use crate::record::entry::{Origin, Setup};
use crate::record::row::Sealed;
use crate::secret::Secret;
use crate::settings::Guard;
use crate::sops::{DataKey, Document, Wrapped};

pub(super) fn id(number: u128) -> IntegrationId {
    IntegrationId(Uuid::from_u128(number))
}

pub(super) fn row(number: u128, host: &str) -> Row {
    Row {
        slug: format!("shop-{number}").parse().unwrap(),
        connector: "postgres".to_owned(),
        name: "Shop".to_owned(),
        enabled: true,
        config: [("host".to_owned(), json!(host))].into(),
        secrets: None,
    }
}

pub(super) fn entry(number: u128, host: &str) -> Entry {
    let definition = serde_json::Map::from_iter([("name".to_owned(), json!("tap"))]);
    Entry {
        slug: format!("shop-{number}").parse().unwrap(),
        role: Role::Extractor,
        protect: false,
        choices: crate::integration::Choices::default(),
        plugin: format!("tap--shop-{number}"),
        origin: Origin::Made,
        definition: std::sync::Arc::new(definition.into()),
        base: Setup { config: row(number, host).config, ..Setup::default() },
        environments: BTreeMap::new(),
        loader: None,
        mappers: Vec::new(),
        interval: None,
    }
}

pub(super) fn rows(hosts: &[(u128, &str)]) -> State<Row> {
    hosts.iter().map(|(number, host)| (id(*number), row(*number, host))).collect()
}

pub(super) fn entries(hosts: &[(u128, &str)]) -> State<Entry> {
    hosts.iter().map(|(number, host)| (id(*number), entry(*number, host))).collect()
}

/// The live contents, by numbers and hosts: the rows and the plugins.
pub(super) fn current(in_registry: &[(u128, &str)], in_file: &[(u128, &str)]) -> Current {
    Current {
        registry: Snapshot::new(rows(in_registry), (), Revision("1".to_owned())),
        meltano: Snapshot::new(entries(in_file), String::new(), Revision("1".to_owned())),
        outputs: BTreeMap::new(),
        remembered: State::default(),
    }
}

pub(crate) fn plan(current: &Current, in_registry: &[(u128, &str)], in_file: &[(u128, &str)]) -> Plan {
    plan_of(current, rows(in_registry), entries(in_file), "")
}

/// The plan for these records and a file with this text.
pub(super) fn plan_of(current: &Current, registry: State<Row>, meltano: State<Entry>, text: &str) -> Plan {
    let desired = Desired { registry, meltano, protected: BTreeSet::new() };
    Plan::new(head(), current, &desired, &Integrations::default(), text.to_owned())
}

/// A plan for everything.
pub(super) fn head() -> Head {
    Head {
        project: "acme".to_owned(),
        environment: "dev".parse().unwrap(),
        scope: Scope::Everything,
        compared: Compared::Both,
        spared: BTreeSet::new(),
        outputs: Outputs::default(),
        choices: BTreeMap::new(),
        asked: Choices::default(),
    }
}

#[test]
fn the_action_of_an_integration_covers_both_targets() {
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
fn each_integration_is_counted_once_and_rows_of_others_separately() {
    let mut there = current(&[(1, "a"), (2, "a"), (3, "a")], &[(1, "a"), (2, "a"), (3, "a")]);
    there.registry.foreign = vec![Foreign { id: "x".to_owned(), name: "Theirs".to_owned(), managed_by: None }];
    let planned = plan(&there, &[(1, "a"), (2, "b"), (4, "a")], &[(1, "a"), (2, "b"), (4, "a")]);
    let counted = Summary { create: 1, update: 1, delete: 1, unchanged: 1, unmanaged: 1 };
    assert_eq!(planned.summary(), counted);
    assert!(planned.is_destructive(), "a delete is destructive");
    let planned = plan(&there, &[(1, "a"), (2, "a"), (3, "a"), (4, "a")], &[(1, "a"), (2, "a"), (3, "a"), (4, "a")]);
    assert!(!planned.is_destructive(), "a new record destroys nothing");
}

#[test]
fn changes_that_an_apply_did_not_make_are_counted_in_every_target() {
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
    assert_eq!(planned.left_in(&after), 3, "a row that was not changed and one that was not created");
    after.meltano.state = entries(&[(1, "b")]);
    assert_eq!(planned.left_in(&after), 4);
}

#[test]
fn a_text_that_an_apply_did_not_write_is_counted_if_it_was_planned() {
    let mut there = current(&[(1, "a")], &[(1, "a")]);
    there.meltano.document = "as it was\n".to_owned();
    let planned = plan_of(&there, rows(&[(1, "a")]), entries(&[(1, "b")]), "to be\n");
    let mut after = current(&[(1, "a")], &[(1, "b")]);
    assert_eq!(planned.left_in(&after), 1, "only the text is missing");
    after.meltano.state = entries(&[(1, "a")]);
    assert_eq!(planned.left_in(&after), 2, "the change is missing too");
    after.meltano = Snapshot::new(entries(&[(1, "b")]), "to be\n".to_owned(), Revision("2".to_owned()));
    assert_eq!(planned.left_in(&after), 0);
    let nothing = plan_of(&there, rows(&[(1, "a")]), entries(&[(1, "a")]), "as it was\n");
    after.meltano.document = "somebody else's\n".to_owned();
    assert_eq!(nothing.left_in(&after), 0, "an empty step leaves nothing undone");
}

#[test]
fn plans_differ_by_the_text_that_they_write_and_by_their_outputs() {
    let there = current(&[], &[(1, "a")]);
    let planned = |text: &str, outputs: Outputs| Plan {
        outputs,
        ..plan_of(&there, State::default(), entries(&[(1, "b")]), text)
    };
    let step = OutputStep { path: "dags/shop.py".into(), before: String::new(), after: "dag\n".to_owned() };
    let steps = Outputs { steps: vec![step], left: Vec::new() };
    let left = Outputs { steps: Vec::new(), left: vec!["dags/shop.py".into()] };
    let ids: BTreeSet<String> = [
        planned("", Outputs::default()),
        planned("one\n", Outputs::default()),
        planned("two\n", Outputs::default()),
        planned("", steps.clone()),
        planned("", left.clone()),
    ]
    .iter()
    .map(Plan::id)
    .collect();
    assert_eq!(ids.len(), 5);
    let says = |outputs| serde_json::to_value(planned("", outputs)).unwrap().get("outputs").is_some();
    assert!(!says(Outputs::default()), "plans of projects without outputs keep their ids");
    assert!(says(steps) && says(left));
}

#[test]
fn more_changes_than_the_guard_allows_have_to_be_acknowledged_by_their_number() {
    let hosts = |changed: u128| -> Vec<(u128, &str)> {
        (1..=10).map(|number| (number, if number <= changed { "b" } else { "a" })).collect()
    };
    let there = current(&hosts(0), &hosts(0));
    let guard = Guard { max_delete_percent: 10, ..Guard::default() };
    let breaches = |wanted: &[(u128, &str)], allowance| plan(&there, wanted, wanted).breaches(guard, allowance);
    let none = Allowance::default();
    assert_eq!(breaches(&hosts(3), none), [], "exactly as much as may pass");
    let changes = Breach::Share { action: Action::Update, count: 4, of: 10, max_percent: 30 };
    assert_eq!(breaches(&hosts(4), none), slice::from_ref(&changes));
    assert_eq!(breaches(&hosts(4), Allowance { change: Some(5), ..none }), slice::from_ref(&changes));
    assert_eq!(breaches(&hosts(4), Allowance { change: Some(4), ..none }), []);
    assert_eq!(breaches(&hosts(0)[1..], none), [], "exactly as much as may pass");
    let deletes = Breach::Share { action: Action::Delete, count: 2, of: 10, max_percent: 10 };
    assert_eq!(breaches(&hosts(0)[2..], none), slice::from_ref(&deletes));
    assert_eq!(breaches(&hosts(6)[2..], Allowance { delete: Some(1), ..none }), [deletes, changes]);
    assert_eq!(breaches(&hosts(6)[2..], Allowance { delete: Some(2), change: Some(4), ..none }), []);
}

#[test]
fn a_rewrapped_data_key_is_reported_if_no_secret_and_no_recipient_changes() {
    let key = DataKey::generate();
    let wrapped = |recipient: &str, enc: &str| Wrapped { recipient: recipient.to_owned(), enc: enc.to_owned() };
    let mut document = Document::profile(&[wrapped("age1x", "once")]);
    document.set("password", &Secret::new("hunter2"), &key);
    let with = |host: &str, document: &Document| {
        let names = vec!["password".to_owned()];
        Row { secrets: Some(Sealed { names, document: document.to_json() }), ..row(1, host) }
    };
    let told = |host: &str, after: &Document| {
        let change = Change::Update { before: with("a", &document), after: with(host, after) };
        change.fields().into_iter().map(|field| (field.path, field.difference)).collect::<Vec<_>>()
    };
    let plain = |path: &str, before, after| (FieldPath::from(path.to_owned()), Difference::Plain { before, after });
    let host = plain("config.host", Some(json!("a")), Some(json!("b")));
    let mut anew = document.clone();
    anew.metadata.set_age(&[wrapped("age1x", "twice")]);
    let reencrypted = (FieldPath::of("sops"), Difference::Secret(SecretChange::Reencrypted));
    assert_eq!(told("b", &anew), [host.clone(), reencrypted]);
    let mut changed = anew.clone();
    changed.set("password", &Secret::new("hunter3"), &key);
    let unverified = (FieldPath::of("secrets.password"), Difference::Secret(SecretChange::Unverified));
    assert_eq!(told("b", &changed), [host, unverified]);
    anew.metadata.set_age(&[wrapped("age1x", "twice"), wrapped("age1y", "twice")]);
    let readers = plain("sops.recipients", Some(json!(["age1x"])), Some(json!(["age1x", "age1y"])));
    assert_eq!(told("a", &anew), [readers]);
}

#[test]
fn a_state_shares_its_records_without_copying() {
    let state = rows(&[(1, "a")]);
    let shared = state.share(&id(1)).unwrap();
    assert!(std::ptr::eq(&raw const *shared, state.get(&id(1)).unwrap()));
    assert_eq!(state.share(&id(2)), None);
    assert!(!state.is_empty() && rows(&[]).is_empty());
}
