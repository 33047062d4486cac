//! Properties of steps.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, json};
use spile_core::connector::Role;
use spile_core::integration::Choices;
use spile_core::name::IntegrationId;
use spile_core::plan::{Revision, Snapshot, State, Step};
use spile_core::record::entry::{Origin, Setup};
use spile_core::record::{Entry, Record, Row};
use uuid::Uuid;

use super::values::{name, text, tries, value};

fn rows() -> impl Strategy<Value = State<Row>> {
    let config = proptest::collection::btree_map(text(), value(), 0..3);
    let row = (name(), text(), text(), any::<bool>(), config).prop_map(|(slug, connector, name, enabled, config)| {
        let slug = slug.parse().unwrap();
        Row { slug, connector, name, enabled, config: config.into_iter().collect(), secrets: None }
    });
    state(row)
}

fn entries() -> impl Strategy<Value = State<Entry>> {
    let setup = proptest::collection::btree_map(text(), value(), 0..3);
    let entry = (name(), text(), any::<bool>(), setup, proptest::option::of(text()), proptest::option::of(text()));
    let entry = entry.prop_map(|(slug, label, protect, config, loader, interval)| Entry {
        plugin: format!("tap--{slug}"),
        slug: slug.parse().unwrap(),
        role: Role::Extractor,
        protect,
        choices: Choices::default(),
        origin: Origin::Made,
        definition: Arc::new(
            Map::from_iter([("name".to_owned(), json!("tap")), ("label".to_owned(), json!(label))]).into(),
        ),
        base: Setup { config: config.into_iter().collect(), ..Setup::default() },
        environments: [].into(),
        loader,
        mappers: Vec::new(),
        interval,
    });
    state(entry)
}

/// Few ids, so that two states share some.
fn state<R: Record>(record: impl Strategy<Value = R>) -> impl Strategy<Value = State<R>> {
    let records = proptest::collection::btree_map(1..8_u128, record, 0..6);
    records.prop_map(|records| {
        records.into_iter().map(|(id, record)| (IntegrationId(Uuid::from_u128(id)), record)).collect()
    })
}

fn snapshot<R: Record>(state: &State<R>) -> Snapshot<R> {
    let revision = Revision("1".to_owned());
    Snapshot::new(state.clone(), R::Document::default(), revision)
}

fn holds<R: Record>(current: &State<R>, desired: &State<R>) -> Result<(), TestCaseError> {
    let step = Step::between(&snapshot(current), desired, R::Document::default());
    let after = step.applied_to(current.clone());
    prop_assert_eq!(after.ids().collect::<Vec<_>>(), desired.ids().collect::<Vec<_>>());
    prop_assert!(Step::between(&snapshot(&after), desired, R::Document::default()).is_empty());
    for (id, change) in &step.changes {
        prop_assert_eq!(change.before(), current.get(id));
        prop_assert_eq!(change.after(), desired.get(id));
        prop_assert!(!change.fields().is_empty(), "a change without a field is none: {:?}", change);
    }
    for (id, record) in after.iter().filter(|(id, _)| !step.changes.contains_key(*id)) {
        prop_assert_eq!(Some(record), current.get(id));
    }
    prop_assert!(Step::between(&snapshot(desired), desired, R::Document::default()).is_empty());
    Ok(())
}

/// Steps with the same effect have the same plan id, and no others do.
fn is_told_apart<R: Record>(
    current: &State<R>,
    desired: [&State<R>; 2],
    document: [&R::Document; 2],
) -> Result<(), TestCaseError> {
    let [first, second] = [0, 1].map(|at| Step::between(&snapshot(current), desired[at], document[at].clone()));
    let are_same = first.changes == second.changes && first.after == second.after;
    let written = [&first, &second].map(|step| serde_json::to_string(step).unwrap());
    prop_assert_eq!(written[0] == written[1], are_same, "{:?}", written);
    Ok(())
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn steps_of_rows_are_told_apart(current in rows(), one in rows(), other in rows()) {
        is_told_apart(&current, [&one, &other], [&(), &()])?;
        is_told_apart(&current, [&one, &one.clone()], [&(), &()])?;
    }

    #[test]
    fn steps_of_entries_are_told_apart(current in entries(), one in entries(), other in entries(), text in text()) {
        is_told_apart(&current, [&one, &other], [&String::new(), &String::new()])?;
        is_told_apart(&current, [&one, &one.clone()], [&String::new(), &text])?;
    }

    #[test]
    fn a_step_between_rows_leads_from_one_to_the_other(current in rows(), desired in rows()) {
        holds(&current, &desired)?;
    }

    #[test]
    fn a_step_between_entries_leads_from_one_to_the_other(current in entries(), desired in entries()) {
        holds(&current, &desired)?;
    }
}
