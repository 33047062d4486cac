//! After an apply, everything declared exists and nothing is left to do: for every connector, with any valid settings.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use spile_core::connector::{Catalog, Connector, Kind, Role, Setting};
use spile_core::problem::Problems;
use spile_core::record::{Entry, Row};
use spile_ops::Error;
use spile_view as view;
use spile_world::{Memory, World};

use super::values::{number, table, text, tries, value};
use crate::folder::{Folder, Opened, with_secrets};

fn connectors() -> Vec<Arc<Connector>> {
    let catalog = Catalog::new(&[], &mut Problems::default());
    let of = |role| catalog.names(role).map(move |name| (role, name)).collect::<Vec<_>>();
    let all = [of(Role::Extractor), of(Role::Loader)].concat();
    all.into_iter().map(|(role, name)| catalog.find(role, name).unwrap()).collect()
}

fn fitting(setting: &Setting) -> BoxedStrategy<Value> {
    if let Some(host) = setting.hosts.first() {
        return Just(json!(format!("https://acme.{host}"))).boxed();
    }
    // A number that no port has is refused.
    if matches!(setting.kind, Kind::Integer | Kind::String) && setting.check(&json!(i64::MAX)).is_err() {
        return (1..=65_535).prop_map(|port| json!(port)).boxed();
    }
    match &setting.kind {
        Kind::String | Kind::File => text().prop_map(Value::String).boxed(),
        Kind::Integer => any::<i64>().prop_map(|number| json!(number)).boxed(),
        Kind::Decimal => number().boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Date => proptest::sample::select(vec!["2024-01-01", "2024-02-29T23:59:59Z", "2024-01-01T00:00:00+05:30"])
            .prop_map(|date| json!(date))
            .boxed(),
        Kind::Email => Just(json!("o'neil+x@example.com")).boxed(),
        Kind::Options(choices) => {
            let values: Vec<Value> = choices.iter().map(|choice| choice.value.clone()).collect();
            proptest::sample::select(values).boxed()
        }
        Kind::Array => proptest::collection::vec(value(), 0..3).prop_map(Value::Array).boxed(),
        Kind::Object => table(value()).prop_map(Value::Object).boxed(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Plain,
    Secret,
}

/// The settings that must be set: the required ones, and those of one group.
fn needed(connector: &Connector, secrecy: Secrecy) -> Vec<&Setting> {
    let group = connector.groups.first().map(|group| group.settings.as_slice()).unwrap_or_default();
    connector
        .settings
        .iter()
        .filter(|setting| setting.secret == (secrecy == Secrecy::Secret))
        .filter(|setting| setting.required || group.contains(&setting.name))
        .collect()
}

/// Optional settings, without those of other groups, because groups may exclude each other.
fn optional(connector: &Connector) -> Vec<&Setting> {
    let grouped = |setting: &Setting| connector.groups.iter().any(|group| group.settings.contains(&setting.name));
    connector.settings.iter().filter(|setting| !setting.secret && !setting.required && !grouped(setting)).collect()
}

fn config(connector: &Connector) -> impl Strategy<Value = Map<String, Value>> + use<> {
    let always = needed(connector, Secrecy::Plain).into_iter().map(|setting| {
        let name = setting.name.clone();
        fitting(setting).prop_map(move |value| Some((name.clone(), value))).boxed()
    });
    let sometimes = optional(connector).into_iter().map(|setting| {
        let name = setting.name.clone();
        proptest::option::weighted(0.2, fitting(setting).prop_map(move |value| (name.clone(), value))).boxed()
    });
    let settings: Vec<_> = always.chain(sometimes).collect();
    settings.prop_map(|settings| settings.into_iter().flatten().collect())
}

/// Returns a file as TOML.
fn file(connector: &Connector, name: &str, config: &Map<String, Value>) -> String {
    let mut file =
        json!({"type": connector.head.name, "kind": connector.head.role.to_string(), "name": name, "config": config});
    if connector.head.role == Role::Extractor {
        file["loader"] = json!("loader-jsonl");
        file["schedule"] = json!("@daily");
    }
    let text = toml::to_string(&file).unwrap();
    let secrets: Vec<&str> = needed(connector, Secrecy::Secret).iter().map(|setting| setting.name.as_str()).collect();
    if secrets.is_empty() { text } else { with_secrets(&text, &secrets) }
}

/// How many connectors a project uses. Over all projects, each connector is used many times.
const USED: usize = 10;

/// One file for each connector of a project, as its path and text.
pub fn files() -> impl Strategy<Value = Vec<(String, String)>> {
    let one = |connector: Arc<Connector>| {
        (text(), config(&connector)).prop_map(move |(name, config)| {
            let path = format!("integrations/{}-{}.toml", connector.head.role, connector.head.name);
            (path, file(&connector, &name, &config))
        })
    };
    // The destination of all, and one that other tests add an overlay to.
    let is_needed = |connector: &Arc<Connector>| {
        [(Role::Loader, "jsonl"), (Role::Extractor, "mysql")]
            .contains(&(connector.head.role, connector.head.name.as_str()))
    };
    let (needed, others): (Vec<_>, Vec<_>) = connectors().into_iter().partition(is_needed);
    let used = proptest::sample::subsequence(others, USED);
    used.prop_flat_map(move |used| used.into_iter().chain(needed.clone()).map(one).collect::<Vec<_>>())
}

fn in_memory(opened: Opened) -> Opened {
    let (registry, meltano_file) = (Arc::new(Memory::<Row>::default()), Arc::new(Memory::<Entry>::default()));
    Opened { world: World { registry, meltano_file, ..opened.world }, ..opened }
}

pub fn shown(error: &Error) -> String {
    anstream::adapter::strip_str(&view::report::error(error)).to_string()
}

fn apply_then_plan(first: &[(String, String)], second: &[(String, String)]) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    folder.write("spile.toml", "[project]\nname = \"acme\"\n[environments.dev]\n[environments.prod]\n");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut world: Option<World> = None;
    for files in [first, second] {
        for (path, text) in files {
            folder.write(path, text);
        }
        let opened = Opened::at(&folder, None).map_err(|error| TestCaseError::fail(shown(&error)))?;
        let opened = match &world {
            None => in_memory(opened),
            Some(world) => Opened { world: world.clone(), ..opened },
        };
        let plan = runtime.block_on(opened.plan()).unwrap();
        let applied = runtime.block_on(opened.apply(&plan));
        prop_assert!(applied.is_ok(), "{:?}", applied);
        let left = runtime.block_on(opened.plan()).unwrap();
        prop_assert!(left.is_empty(), "{:#?}", left);
        world = Some(opened.world);
    }
    Ok(())
}

#[test]
fn after_apply_the_plan_is_empty_for_every_connector() {
    // Each case applies two projects of a dozen connectors, which takes a second.
    let all = tries();
    let mut runner = TestRunner::new(ProptestConfig { cases: all.cases.div_ceil(4), ..all });
    let two = (files(), files());
    runner.run(&two, |(first, second)| apply_then_plan(&first, &second)).unwrap();
}
