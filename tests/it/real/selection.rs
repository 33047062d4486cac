//! Selections, compared with the code of the pinned Meltano that applies them.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use spile_core::discovered::{self, Rules, Stream, Taken};

use crate::project::seed;

/// Applies rules to catalogs as a run of Meltano does, and reports the result for each stream and field.
const MELTANO: &str = r#"
import copy, fnmatch, importlib.util, json, logging, sys
import structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
from meltano.core.plugin.singer.catalog import ListSelectedExecutor, MetadataExecutor, select_metadata_rules
from meltano.core.plugin.singer.tap import config_metadata_rules

def ordered(stream):
    # As the libraries of taps write it: Meltano adds metadata that are missing as it goes through the schema, and
    # applies no rule to them where the metadata stood before it.
    return {key: stream[key] for key in ("tap_stream_id", "schema", "metadata")}

def applied(case):
    case["catalog"]["streams"] = [ordered(stream) for stream in case["catalog"]["streams"]]
    rules = select_metadata_rules(["!*.*"]) + select_metadata_rules(case["select"])
    MetadataExecutor(rules + config_metadata_rules(case["metadata"])).visit(case["catalog"])
    found = ListSelectedExecutor()
    found.visit(case["catalog"])
    fields = {stream: dict(fields) for stream, fields in found.properties.items()}
    return {"streams": dict(found.streams), "fields": fields}

said = json.load(sys.stdin)
globs = [fnmatch.fnmatchcase(text, glob) for glob, text in said["globs"]]
cases = [applied(case) for case in copy.deepcopy(said["cases"])]

# What spile makes faster in there comes to the same.
spec = importlib.util.spec_from_file_location("launch", sys.argv[1])
launch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(launch)
launch.quicken()
assert cases == [applied(case) for case in said["cases"]]
print(json.dumps({"globs": globs, "cases": cases}))
"#;

/// How many cases to compare.
const CASES: usize = 500;

fn meltano(question: &Value) -> Value {
    let python = seed().join(".spile/meltano/bin/python");
    let mut command = Command::new(python);
    let mut child = command
        .args([
            "-c",
            MELTANO,
            concat!(env!("CARGO_MANIFEST_DIR"), "/crates/spile-world/src/processes/meltano/launch.py"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Names from few letters, so that patterns match sometimes.
fn name() -> impl Strategy<Value = String> {
    "[ab]{1,2}"
}

fn field() -> impl Strategy<Value = String> {
    let names = proptest::collection::vec("[ab]{1,2}|\\*|a\\*|\\?|\\[ab\\]|\\[!a\\]", 1..3);
    names.prop_map(|names| names.join("."))
}

fn pattern() -> impl Strategy<Value = String> {
    let stream = "[ab]{1,2}|\\*|a\\*|\\?b|a\\\\\\.b|\\[!a\\]\\*";
    ("!?", stream, proptest::option::of(field()))
        .prop_map(|(not, stream, field)| format!("{not}{stream}{}", field.map(|f| format!(".{f}")).unwrap_or_default()))
}

fn inclusion() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![None, Some("available"), Some("automatic"), Some("unsupported")])
}

/// A stream with fields, some of which have metadata, nested once.
fn stream(name: String) -> impl Strategy<Value = Value> {
    let nested = proptest::collection::btree_map(self::name(), inclusion(), 0..3);
    let fields = proptest::collection::btree_map(self::name(), (inclusion(), nested), 0..4);
    (inclusion(), fields).prop_map(move |(own, fields)| {
        let mut metadata = vec![];
        let mut add = |path: &[&String], inclusion: Option<&str>| {
            let breadcrumb: Vec<&str> = path.iter().flat_map(|name| ["properties", name.as_str()]).collect();
            let said = inclusion.map(|word| json!({ "breadcrumb": breadcrumb, "metadata": { "inclusion": word } }));
            metadata.extend(said);
        };
        add(&[], own);
        let mut properties = serde_json::Map::new();
        for (name, (inclusion, nested)) in &fields {
            add(&[name], *inclusion);
            let mut inner = serde_json::Map::new();
            for (child, inclusion) in nested {
                add(&[name, child], *inclusion);
                inner.insert(child.clone(), json!({ "type": "string" }));
            }
            properties.insert(name.clone(), json!({ "type": "object", "properties": inner }));
        }
        json!({
            "tap_stream_id": name,
            "schema": { "type": "object", "properties": properties },
            "metadata": metadata,
        })
    })
}

fn case() -> impl Strategy<Value = Value> {
    let streams = ("a|b|ab".prop_flat_map(stream), "ba|a\\.b".prop_flat_map(stream));
    let patterns = proptest::collection::btree_set(pattern(), 1..4);
    let word = proptest::sample::select(vec!["available", "automatic", "unsupported"]);
    let key = (field(), any::<bool>(), proptest::option::of(word));
    let metadata = proptest::collection::btree_map("a|\\*|b\\*", key, 0..2);
    (streams, patterns, metadata).prop_map(|((one, other), select, metadata)| {
        let rules = metadata.into_iter().map(|(stream, (field, selected, inclusion))| {
            let mut keys = json!({ "selected": selected });
            if let Some(word) = inclusion {
                keys["inclusion"] = json!(word);
            }
            let nested = field.rsplit('.').fold(keys, |inner, name| json!({ name: inner }));
            (stream, nested)
        });
        let metadata: serde_json::Map<String, Value> = rules.collect();
        json!({ "catalog": { "streams": [one, other] }, "select": select, "metadata": metadata })
    })
}

/// Returns spile's result for a case, in the form of Meltano's answer.
fn said(case: &Value) -> Value {
    let streams = discovered::read(case["catalog"].to_string().as_bytes()).unwrap();
    let select: Vec<String> = serde_json::from_value(case["select"].clone()).unwrap();
    let rules = Rules::selecting(&select.into_iter().collect()).with_metadata(case["metadata"].as_object().unwrap());
    let word = |taken: Taken| match taken {
        Taken::Selected => "selected",
        Taken::Automatic => "automatic",
        Taken::Excluded => "excluded",
        Taken::Unsupported => "unsupported",
    };
    let (mut of_streams, mut of_fields) = (BTreeMap::new(), BTreeMap::new());
    for stream in &streams {
        let (own, fields) = rules.take(stream);
        of_streams.insert(stream.name.clone(), word(own));
        if own.is_read() {
            of_fields.insert(stream.name.clone(), named(stream, fields.into_iter().map(word)));
        }
    }
    json!({ "streams": of_streams, "fields": of_fields })
}

fn named<'a>(stream: &Stream, words: impl Iterator<Item = &'a str>) -> BTreeMap<String, &'a str> {
    stream.fields.iter().map(discovered::Field::name).zip(words).collect()
}

#[test]
fn predicted_selections_match_the_pinned_meltano() {
    let mut runner = TestRunner::deterministic();
    let mut drawn = |strategy: &BoxedStrategy<Value>| strategy.new_tree(&mut runner).unwrap().current();
    let cases: Vec<Value> = (0..CASES).map(|_| drawn(&case().boxed())).collect();
    let glob = ("[ab*?!\\[\\]^-]{0,6}", "[ab!^-]{0,4}").prop_map(|(glob, text)| json!([glob, text])).boxed();
    let globs: Vec<Value> = (0..4 * CASES).map(|_| drawn(&glob)).collect();
    let answer = meltano(&json!({ "cases": cases, "globs": globs }));
    for (case, answer) in cases.iter().zip(answer["cases"].as_array().unwrap()) {
        let said = said(case);
        let mut answer = answer.clone();
        // The fields of a stream that is not selected are not selected either, whatever the rules say.
        let is_read = |stream: &String| said["fields"].get(stream).is_some();
        answer["fields"].as_object_mut().unwrap().retain(|stream, _| is_read(stream));
        assert_eq!(said, answer, "{case:#}");
    }
    for (pair, matches) in globs.iter().zip(answer["globs"].as_array().unwrap()) {
        let (glob, text) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        let glob = spile_core::integration::select::Glob::from(glob);
        assert_eq!(glob.matches(text), matches.as_bool().unwrap(), "{pair}");
    }
    let matched = answer["globs"].as_array().unwrap().iter().filter(|matches| **matches == true).count();
    assert!(matched > CASES / 10, "only {matched} match: they show little");
}
