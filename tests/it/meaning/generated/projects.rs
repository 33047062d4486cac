//! Generators of projects.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::written::{alias, anchored, in_brackets, written};

/// A file: its path and its text.
pub type File = (String, String);

/// A text in a setting: set and unset variables, escaped ones, and text that only looks like one.
fn text() -> impl Strategy<Value = Value> {
    let texts = [
        "x",
        "",
        "cost in $USD",
        "${USD}",
        "$USD",
        "$OWN",
        "$MORE and more",
        "$NOT_SET",
        "a $NOT_SET b",
        r"cost in \$USD",
        r"\\$USD",
        r"\$USD",
        "pa$$word",
        "$5",
        "$usd",
        "${usd}",
        "true",
        "1_000",
        "2024-01-01",
        "null",
        "a: b",
        "# c",
        "'quoted'",
        "{{ x }}",
        "{# x #}",
        "two\nlines\n",
        " x ",
        "\u{fc}",
    ];
    select(texts.to_vec()).prop_map(Value::from)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => text(), 1 => any::<i32>().prop_map(Value::from), 1 => any::<bool>().prop_map(Value::from),
                           1 => Just(json!(1.5)), 1 => Just(Value::Null)];
    leaf.prop_recursive(2, 8, 4, |inner| {
        let key = select(vec!["z", "a", "m", "env", "b.c", r"b\.c", "__else__", "$USD"]).prop_map(str::to_owned);
        let tables = vec((key, inner.clone()), 0..4).prop_map(table);
        prop_oneof![1 => vec(inner, 0..3).prop_map(Value::Array), 3 => tables.clone(), 1 => tables.prop_map(|table| in_brackets(&table))]
    })
}

fn table(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

/// Settings; some have a declared kind, which most of their values match.
fn config() -> impl Strategy<Value = Value> {
    let names =
        vec!["host", "maps", "note", "db", "db.z", "db.a", "maps.users", "since", "flag", "list", "port", "unset"];
    let key = select(names).prop_map(str::to_owned);
    let member = (key, value(), any::<u16>()).prop_map(|(key, value, number)| {
        let value = match key.as_str() {
            "port" => json!(number),
            "flag" => json!(number % 2 == 0),
            "list" => json!([number, "b"]),
            "unset" => Value::Null,
            _ => value,
        };
        (key, value)
    });
    vec(member, 0..5).prop_map(table)
}

/// Rules in any order: several may apply to one stream, and the last one wins.
fn metadata() -> impl Strategy<Value = Value> {
    let patterns = vec!["users", "*", "u*", "public-orders", "co$Store", r"co\$Store", r"main\.things", "users.id"];
    let rule = select(vec![
        json!({"replication-method": "INCREMENTAL", "replication-key": "id"}),
        json!({"replication-key": "name", "replication-method": "INCREMENTAL"}),
        json!({"replication-method": "FULL_TABLE"}),
        json!({"selected": false}),
        json!({"replication-key": "a$B"}),
        json!({"replication-key": "$OWN"}),
        json!({"id": {"is-replication-key": true}}),
        json!({"replication-key": null}),
        json!({}),
    ]);
    vec((select(patterns).prop_map(str::to_owned), rule), 0..4).prop_map(table)
}

fn patterns() -> impl Strategy<Value = Value> {
    let all = vec![
        "users.*",
        "!users.name",
        "*.id",
        "public-orders.*",
        "co$Store.*",
        "users.$USD",
        r"co\$Store.id",
        r"main\.things.*",
        "$OWN",
        "*.*",
    ];
    prop_oneof![1 => Just(json!([])), 20 => subsequence(all, 1..4).prop_shuffle().prop_map(|patterns| json!(patterns))]
}

/// The settings of a plugin, or of an environment for it.
fn said() -> impl Strategy<Value = Map<String, Value>> {
    let env =
        select(vec![json!({"OWN": "own $USD"}), json!({"USD": "13"}), json!({"OWN": "users.id", "MORE": "$USD"})]);
    let schema = select(vec!["raw", "$USD", "raw_$USD", "$MELTANO_EXTRACTOR_NAMESPACE"]);
    let parts = (
        option::of(config()),
        option::of(metadata()),
        option::of(patterns()),
        option::weighted(0.2, env),
        option::weighted(0.1, schema.prop_map(Value::from)),
    );
    parts.prop_map(|(config, metadata, select, env, schema)| {
        let parts =
            [("config", config), ("metadata", metadata), ("select", select), ("env", env), ("load_schema", schema)];
        parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    })
}

/// The names of extractors; each may inherit from the previous one.
const TAPS: [&str; 3] = ["tap-a", "tap-a--b", "Tap_C.x"];

/// The names of loaders; each may inherit from the previous one.
const TARGETS: [&str; 2] = ["target-b", "target-c"];

/// How a plugin uses an anchor for its settings.
#[derive(Debug, Clone, Copy)]
enum Anchors {
    None,
    /// It merges in an anchor from the top of the file.
    Shared,
    /// Its own settings are an anchor, which the next plugin merges in, or uses as a whole.
    Own,
}

fn settings() -> impl Strategy<Value = Value> {
    let all = vec![
        json!({"name": "maps", "kind": "object"}),
        json!({"name": "port", "kind": "integer"}),
        json!({"name": "flag", "kind": "boolean", "value": true}),
        json!({"name": "list", "kind": "array", "value": ["$USD"]}),
        json!({"name": "host", "value": "$USD"}),
        json!({"name": "db.z", "value": 1}),
        json!({"name": "db", "kind": "object"}),
        json!({"name": "note", "kind": "string", "value": false}),
        json!({"name": "since", "kind": "date_iso8601", "aliases": ["from"]}),
        json!({"name": "extra", "env": "EXTRA"}),
    ];
    subsequence(all, 0..5).prop_map(Value::Array)
}

/// A plugin before it gets a name and a place.
#[derive(Debug, Clone)]
struct Draft {
    said: Map<String, Value>,
    inherits: bool,
    anchors: Anchors,
    settings: Option<Value>,
}

fn drafts(most: usize) -> impl Strategy<Value = Vec<Draft>> {
    let anchors = prop_oneof![4 => Just(Anchors::None), 1 => Just(Anchors::Shared), 1 => Just(Anchors::Own)];
    let one = (said(), any::<bool>(), anchors, option::of(settings()));
    let one = one.prop_map(|(said, inherits, anchors, settings)| Draft { said, inherits, anchors, settings });
    vec(one, 1..=most)
}

fn extractors(drafts: Vec<Draft>) -> Vec<Value> {
    let mut merged: Option<String> = None;
    let mut plugins = Vec::new();
    for (index, draft) in drafts.into_iter().enumerate() {
        let mut plugin = Map::from_iter([("name".to_owned(), json!(TAPS[index]))]);
        if draft.inherits && index > 0 {
            plugin.insert("inherit_from".to_owned(), json!(TAPS[index - 1]));
        } else {
            plugin.insert("namespace".to_owned(), json!(format!("tap_{index}")));
            plugin.insert("executable".to_owned(), json!("tap"));
            plugin.insert("capabilities".to_owned(), json!(["catalog", "discover", "state"]));
        }
        plugin.extend(draft.settings.map(|settings| ("settings".to_owned(), settings)));
        plugin.extend(draft.said);
        let config = plugin.get_mut("config").and_then(Value::as_object_mut);
        match (draft.anchors, merged.take(), config) {
            (Anchors::Shared, _, Some(config)) => drop(config.insert("<<".to_owned(), alias("shared"))),
            (Anchors::Own, _, Some(config)) => {
                let name = format!("own-{index}");
                plugin["config"] = anchored(&name, config.clone());
                merged = Some(name);
            }
            (_, Some(name), Some(config)) => drop(config.insert("<<".to_owned(), alias(&name))),
            (_, Some(name), None) => drop(plugin.insert("config".to_owned(), alias(&name))),
            (Anchors::None | Anchors::Shared | Anchors::Own, None, _) => {}
        }
        plugins.push(Value::Object(plugin));
    }
    plugins
}

fn loaders(drafts: Vec<Draft>) -> Vec<Value> {
    let plugin = |(index, draft): (usize, Draft)| {
        let mut plugin = Map::from_iter([("name".to_owned(), json!(TARGETS[index]))]);
        if draft.inherits && index > 0 {
            plugin.insert("inherit_from".to_owned(), json!(TARGETS[index - 1]));
        } else {
            plugin.insert("namespace".to_owned(), json!(format!("target_{index}")));
            plugin.insert("pip_url".to_owned(), json!("--no-deps target"));
        }
        plugin.extend(draft.settings.map(|settings| ("settings".to_owned(), settings)));
        plugin.extend(draft.said.into_iter().filter(|(key, _)| ["config", "env"].contains(&key.as_str())));
        Value::Object(plugin)
    };
    drafts.into_iter().enumerate().map(plugin).collect()
}

fn environments() -> impl Strategy<Value = Vec<Value>> {
    fn of(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Value>> {
        vec(option::of(said()), names.len()).prop_map(|all| {
            let plugin = |(name, said): (&&str, Option<Map<String, Value>>)| {
                let mut plugin = said?;
                plugin.shift_insert(0, "name".to_owned(), json!(name));
                Some(Value::Object(plugin))
            };
            names.iter().zip(all).filter_map(plugin).collect::<Vec<_>>()
        })
    }
    let env = select(vec![json!({"USD": "14", "MORE": "$USD"}), json!({"OWN": "$NOT_SET"})]);
    let suffix = select(vec!["${USD}x", "plain", "$NOT_SET"]);
    let one = (of(&TAPS), of(&TARGETS), option::weighted(0.3, env), option::weighted(0.3, suffix));
    vec(one, 0..3).prop_map(|all| {
        let environment = |(name, (extractors, loaders, env, suffix)): (&str, (_, Vec<Value>, Option<Value>, _))| {
            let mut environment = json!({"name": name, "config": {"plugins": {"extractors": extractors}}});
            if !loaders.is_empty() {
                // A loader has neither rules nor patterns.
                let only = |loader: Value| {
                    let keep = |(key, _): &(String, Value)| ["name", "config", "env"].contains(&key.as_str());
                    let members = serde_json::from_value::<Map<_, _>>(loader).unwrap();
                    members.into_iter().filter(keep).collect::<Value>()
                };
                environment["config"]["plugins"]["loaders"] = loaders.into_iter().map(only).collect();
            }
            environment.as_object_mut().unwrap().extend(env.map(|env| ("env".to_owned(), env)));
            if let Some(suffix) = suffix {
                environment["state_id_suffix"] = json!(suffix);
            }
            environment
        };
        ["dev", "Prod"].into_iter().zip(all).map(environment).collect()
    })
}

fn jobs() -> impl Strategy<Value = Vec<Value>> {
    let task = select(vec![
        json!("tap-a target-b"),
        json!("tap-a hide-names target-b"),
        json!("tap-a--b hide-names trim target-c"),
        json!(["tap-a hide-names", "target-c"]),
        json!("tool"),
        json!("tool:run"),
        json!("nobody target-b"),
    ]);
    vec(vec(task, 1..3), 0..3).prop_map(|all| {
        let job = |(index, tasks): (usize, Vec<Value>)| {
            // Meltano accepts tasks that are either all texts or all lists.
            let lists = tasks.iter().any(Value::is_array);
            let as_list = |task: Value| if lists && !task.is_array() { json!([task]) } else { task };
            json!({"name": format!("job-{index}"), "tasks": tasks.into_iter().map(as_list).collect::<Vec<_>>()})
        };
        all.into_iter().enumerate().map(job).collect()
    })
}

fn schedules() -> impl Strategy<Value = Vec<Value>> {
    let all = vec![
        json!({"name": "nightly", "interval": "@daily", "job": "job-0"}),
        json!({"name": "pair", "extractor": "tap-a", "loader": "target-b", "transform": "skip", "interval": "0 * * * *",
               "start_date": "2024-01-01"}),
        json!({"name": "again", "interval": "@once", "job": "job-0", "env": {"USD": "15"}}),
    ];
    subsequence(all, 0..3)
}

/// The distribution over files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    One,
    /// Jobs, schedules and loaders are in a second file, in flow style or not.
    Two,
    /// Each extractor except the first has its own file.
    Many,
}

/// A project, as its files.
pub fn project() -> impl Strategy<Value = Vec<File>> {
    let layout = prop_oneof![8 => Just(Layout::One), 1 => Just(Layout::Two), 1 => Just(Layout::Many)];
    let env = select(vec![json!({"USD": "${USD}0"}), json!({"MORE": "more", "OWN": "$USD"})]);
    let plugins = (drafts(TAPS.len()).prop_map(extractors), drafts(TARGETS.len()).prop_map(loaders));
    let runs = (jobs(), schedules());
    (plugins, environments(), runs, option::weighted(0.3, env), layout).prop_map(
        |((extractors, loaders), environments, (jobs, schedules), env, layout)| {
            let mut main = json!({
                "x-shared": anchored("shared", Map::from_iter([
                    ("since".to_owned(), json!("2024-01-01")), ("note".to_owned(), json!("$USD"))])),
                "default_environment": "dev",
                "plugins": {
                    "extractors": extractors,
                    "loaders": loaders,
                    "mappers": [{"name": "masker", "namespace": "m", "mappings": [
                        {"name": "hide-names", "config": {"z": {"b": "$USD", "a": 1}}}, {"name": "trim", "config": {}}]}],
                    "utilities": [{"name": "tool", "namespace": "t", "config": {"note": "cost in $USD"},
                                   "commands": {"run": "go"}}],
                },
                "environments": environments,
            });
            let frame = main.as_object_mut().unwrap();
            frame.extend(env.map(|env| ("env".to_owned(), env)));
            let mut runs = json!({ "jobs": jobs });
            let is_there = |schedule: &Value| schedule["job"].is_null() || !runs["jobs"][0].is_null();
            let schedules: Vec<_> = schedules.into_iter().filter(is_there).collect();
            if !schedules.is_empty() {
                runs["schedules"] = json!(schedules);
            }
            files(main, runs, layout)
        },
    )
}

fn files(mut main: Value, mut runs: Value, layout: Layout) -> Vec<File> {
    let mut files = Vec::new();
    match layout {
        Layout::One => {
            let (Value::Object(main), Value::Object(runs)) = (&mut main, runs) else { return files };
            main.extend(runs);
        }
        Layout::Two => {
            main["include_paths"] = json!(["./more.meltano.yml"]);
            runs["plugins"] = json!({"loaders": main["plugins"].as_object_mut().unwrap().shift_remove("loaders")});
            files.push(("more.meltano.yml".to_owned(), written(&runs)));
        }
        Layout::Many => {
            main["include_paths"] = json!(["config/*.yml", "./more.meltano.yml"]);
            files.push(("more.meltano.yml".to_owned(), written(&runs)));
            let extractors = main["plugins"]["extractors"].as_array_mut().unwrap();
            // An alias does not reach into another file.
            let is_own = |extractor: &Value| {
                !extractor.to_string().contains("{\"*\":") && !extractor.to_string().contains("\"&\":")
            };
            if extractors.iter().all(is_own) {
                for (index, extractor) in extractors.drain(1..).enumerate() {
                    let file = json!({"plugins": {"extractors": [extractor]}});
                    files.push((format!("config/{index}.yml"), written(&file)));
                }
            }
        }
    }
    files.push(("meltano.yml".to_owned(), written(&main)));
    files
}
