//! Rendered files are read back unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use spile_core::connector::Role;
use spile_core::integration::Choices;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::plan::State;
use spile_core::record::entry::{Origin, Setup};
use spile_core::record::{Entry, PluginDefinition};
use spile_core::render::{self, Head, Purpose};
use spile_core::source::Source;
use spile_core::value::sorted;
use uuid::Uuid;

use super::values::{key, name, table, text, tries, value};

/// Every setup that `Entry::of` can make: an empty selection is `None`.
fn setup() -> impl Strategy<Value = Setup> {
    let config = vec((prop_oneof!["[a-z_]{1,8}(\\.[a-z_]{1,8})?", key()], value()), 0..4);
    let select = option::of(vec(text(), 1..4));
    let metadata = vec((key(), table(value()).prop_map(Value::Object)), 0..3);
    (config, select, metadata, option::of(text())).prop_map(|(config, select, metadata, load_schema)| Setup {
        config: sorted(config.into_iter().collect()),
        select: select.map(|patterns| patterns.into_iter().collect()),
        metadata: metadata.into_iter().collect(),
        load_schema,
    })
}

fn definition(name: &'static str) -> impl Strategy<Value = Arc<PluginDefinition>> {
    let settings = option::of(vec(table(value()).prop_map(Value::Object), 1..3));
    let metadata = option::of(table(value()));
    (text(), text(), text(), settings, metadata).prop_map(move |(pip_url, label, executable, settings, metadata)| {
        let mut definition =
            json!({"name": name, "namespace": name, "pip_url": pip_url, "label": label, "executable": executable});
        if let Some(settings) = settings {
            definition["settings"] = Value::Array(settings);
        }
        if let Some(metadata) = metadata {
            definition["metadata"] = Value::Object(metadata);
        }
        Arc::new(definition.as_object().cloned().unwrap().into())
    })
}

fn head() -> impl Strategy<Value = Head> {
    btree_set(name(), 1..4).prop_map(|names| {
        let environments: Vec<EnvironmentName> = names.iter().map(|name| name.parse().unwrap()).collect();
        Head {
            project_id: spile_core::name::project_id("x"),
            default_environment: environments[0].clone(),
            environments,
            purpose: Purpose::Project,
        }
    })
}

/// The parts of an entry: its role, its protection, its setups, and its loader with the interval.
type Seed = (bool, bool, Setup, Vec<Setup>, Option<(String, Option<String>)>);

fn entries() -> impl Strategy<Value = (Head, State<Entry>)> {
    let of_one = (any::<bool>(), any::<bool>(), setup(), vec(setup(), 0..3), option::of((name(), option::of(text()))));
    let slugs = btree_map(name(), of_one, 0..5);
    (head(), slugs, definition("tap-x"), definition("target-x")).prop_map(|(head, slugs, tap, target)| {
        let entry = |(index, (slug, one)): (usize, (String, _))| {
            let (extracts, protect, base, overlays, job): Seed = one;
            let (role, definition) = if extracts { (Role::Extractor, &tap) } else { (Role::Loader, &target) };
            let job = job.filter(|_| extracts);
            let filled = overlays.into_iter().filter(|overlay| *overlay != Setup::default());
            let entry = Entry {
                plugin: format!("{}--{slug}", definition["name"].as_str().unwrap()),
                slug: slug.parse().unwrap(),
                role,
                protect,
                // They come back with everything else: the next plan finds there what an apply has used.
                choices: Choices {
                    forward_only: base.config.keys().cloned().collect(),
                    backfill: base.config.keys().map(|key| (key.clone(), "2026-01-31".to_owned())).collect(),
                },
                origin: Origin::Made,
                definition: definition.clone(),
                base,
                environments: head.environments.iter().cloned().zip(filled).collect(),
                loader: job.as_ref().map(|(loader, _)| format!("target-x--{loader}")),
                // A protected entry represents those that an import has made.
                mappers: if protect && extracts {
                    vec!["hide-names".to_owned(), "trim".to_owned()]
                } else {
                    Vec::new()
                },
                interval: job.and_then(|(_, interval)| interval),
            };
            (IntegrationId(Uuid::from_u128(index as u128)), entry)
        };
        let entries = slugs.into_iter().enumerate().map(entry).collect();
        (head, entries)
    })
}

fn template() -> Source {
    Source::new("meltano.yml.j2", render::TEMPLATE)
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn entries_are_read_back_unchanged((head, entries) in entries()) {
        let text = render::meltano_yml(&head, &entries, &template());
        prop_assert!(text.is_ok(), "{:?}", text);
        let text = text.unwrap();
        prop_assert!(render::read::is_rendered(&text));
        prop_assert_eq!(render::read::entries(&text).unwrap(), entries);
    }

    #[test]
    fn the_same_entries_give_the_same_bytes((head, entries) in entries()) {
        let once = render::meltano_yml(&head, &entries, &template()).unwrap();
        let shuffled: BTreeMap<_, _> = entries.iter().map(|(id, entry)| (*id, entry.clone())).collect();
        let again = render::meltano_yml(&head, &shuffled.into_iter().rev().collect(), &template()).unwrap();
        prop_assert_eq!(once, again);
    }

    #[test]
    fn every_reader_of_yaml_sees_the_environments_by_name((head, entries) in entries()) {
        let text = render::meltano_yml(&head, &entries, &template()).unwrap();
        let document: Value = yaml_serde::from_str(&text).unwrap();
        let names: BTreeSet<_> = document["environments"].as_array().unwrap().iter().map(|one| one["name"].as_str()).collect();
        prop_assert_eq!(names, head.environments.iter().map(|name| Some(name.as_str())).collect());
    }
}

fn comes_back(text: &str) -> bool {
    let definition = json!({"name": "tap-x", "namespace": "tap_x"});
    let entry = Entry {
        slug: "x".parse().unwrap(),
        role: Role::Extractor,
        protect: false,
        choices: Choices::default(),
        plugin: "tap-x--x".to_owned(),
        origin: Origin::Made,
        definition: Arc::new(definition.as_object().cloned().unwrap().into()),
        base: Setup { config: [("text".to_owned(), json!(format!("a{text}b")))].into(), ..Setup::default() },
        environments: BTreeMap::new(),
        loader: None,
        mappers: Vec::new(),
        interval: None,
    };
    let default_environment = "dev".parse().unwrap();
    let project_id = spile_core::name::project_id("x");
    let head = Head { project_id, default_environment, environments: Vec::new(), purpose: Purpose::Project };
    let entries = State::from_iter([(IntegrationId(Uuid::nil()), entry)]);
    render::meltano_yml(&head, &entries, &template()).is_ok()
}

#[test]
fn every_character_is_read_back() {
    let all: Vec<char> = ('\0'..='\u{ffff}').chain(['\u{1f4a9}', '\u{1fffe}', '\u{10ffff}']).collect();
    let bad = all.chunks(32).filter(|some| !comes_back(&some.iter().collect::<String>())).flatten();
    let bad: Vec<String> = bad.filter(|c| !comes_back(&c.to_string())).map(|c| format!("{c:?}")).collect();
    assert!(bad.is_empty(), "lost in meltano.yml: {}", bad.join(" "));
}
