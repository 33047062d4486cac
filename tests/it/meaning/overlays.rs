//! Overlays that Meltano cannot merge with their base: `check` refuses exactly those that Meltano does not read as
//! spile's files say.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use spile_core::problem::Problem;
use spile_ops::Error;
use spile_world::Project;

use super::generated::inline;
use super::oracle::{Variables, ask};
use crate::folder::Folder;

const SPILE: &str =
    "[project]\nname = \"acme\"\ndefault_environment = \"dev\"\n[environments.dev]\n[environments.prod]\n";
const CONNECTOR: &str = "[plugin]\nname = \"tap-x\"\nnamespace = \"tap_x\"\npip_url = \"tap-x\"\n\
    capabilities = [\"catalog\", \"discover\"]\n[[settings]]\nname = \"maps\"\nkind = \"object\"\n";
const FILE: &str = "integrations/one.prod.toml";

/// The variables that references name.
fn variables() -> Variables {
    let all = [("NUMBER", "12"), ("TRUE", "true"), ("LIST", "[1]"), ("TABLE", "{\"q\": 3}")];
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Returns the codes of all problems of a project, with the lines of those in the overlay.
fn problems(folder: &Folder) -> Vec<(String, usize)> {
    match spile_ops::check(&Project::at(folder.path())) {
        Ok(_) => Vec::new(),
        Err(Error::Problems(report)) => {
            let line = |problem: &Problem| {
                let place = problem.place();
                place.source.text()[..place.span.start].matches('\n').count() + 1
            };
            report.problems().iter().map(|problem| (problem.code(), line(problem))).collect()
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn lay(connector: &str, base: &str, overlay: Option<&str>) -> Folder {
    let folder = Folder::new();
    folder.write("spile.toml", SPILE);
    folder.write("connectors/x.toml", connector);
    folder.write("integrations/one.toml", &format!("type = \"x\"\n{base}"));
    if let Some(overlay) = overlay {
        folder.write(FILE, overlay);
    }
    folder
}

fn merged(base: &Value, over: &Value) -> Value {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            let mut all = base.clone();
            for (key, value) in over {
                let value = base.get(key).map_or_else(|| value.clone(), |base| merged(base, value));
                all.insert(key.clone(), value);
            }
            all.into()
        }
        (_, over) => over.clone(),
    }
}

/// Returns what Meltano reads of a plugin in `prod`, or nothing if it refuses the project.
fn read(settings: &Value, base: &Value, overlay: &Value) -> Option<Value> {
    let with_name = |said: &Value| merged(&json!({ "name": "tap-x--one" }), said);
    let definition = json!({ "name": "tap-x", "namespace": "tap_x", "executable": "x",
                             "capabilities": ["catalog", "discover"], "settings": settings });
    let plugin = merged(&with_name(base), &json!({ "inherit_from": "tap-x" }));
    let prod = json!({ "name": "prod", "config": { "plugins": { "extractors": [with_name(overlay)] } } });
    let file = json!({ "default_environment": "dev", "plugins": { "extractors": [definition, plugin] },
                       "environments": [{ "name": "dev" }, prod] });
    let folder = Folder::new();
    folder.write("meltano.yml", &file.to_string());
    let answer = ask(folder.path(), &variables()).ok()?;
    let plugin = &answer["prod"]["plugins"]["extractors/tap-x--one"];
    Some(json!([without_order(&plugin["config"]), plugin["catalog"]]))
}

/// Returns an answer with tables instead of lists of pairs: an overlay may change the order of a table's keys.
fn without_order(answer: &Value) -> Value {
    match answer {
        Value::Object(members) => match members.get("table").and_then(Value::as_array) {
            Some(pairs) => {
                pairs.iter().map(|pair| (pair[0].as_str().unwrap().to_owned(), without_order(&pair[1]))).collect()
            }
            None => members.iter().map(|(key, value)| (key.clone(), without_order(value))).collect(),
        },
        Value::Array(items) => items.iter().map(without_order).collect(),
        value => value.clone(),
    }
}

/// A value of each kind.
fn values() -> Vec<Value> {
    vec![json!("x"), json!(1), json!(1.5), json!(true), json!([1]), json!({}), json!({"b": 1}), json!({"b": {"c": 2}})]
}

/// Compares for each pair of kinds what `check` says with what Meltano reads.
fn compare(values: &[Value], in_file: fn(&Value) -> Value) {
    let settings = json!([{ "name": "maps", "kind": "object" }]);
    let mut expected: BTreeMap<String, Option<Value>> = BTreeMap::new();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for base in values {
        for over in values.iter().filter(|over| *over != base) {
            let [base, over] = [in_file(base), in_file(over)];
            let whole = merged(&base, &over);
            let wanted = expected.entry(whole.to_string()).or_insert_with(|| read(&settings, &json!({}), &whole));
            let is_read = read(&settings, &base, &whole) == *wanted;
            let text = |said: &Value| said.as_object().unwrap().iter().map(assigned).collect::<String>();
            let found = problems(&lay(CONNECTOR, &text(&base), Some(&text(&over))));
            let codes: Vec<_> = found.iter().map(|(code, _)| code.as_str()).collect();
            refused += usize::from(!found.is_empty());
            if codes != if is_read { &[][..] } else { &["spile::settings::overlay_kind"][..] } {
                wrong.push(format!("{over} over {base}: {codes:?}, read: {is_read}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 3, "{refused}");
}

fn assigned((key, value): (&String, &Value)) -> String {
    format!("{key} = {}\n", inline(value))
}

#[test]
fn check_refuses_exactly_the_settings_of_an_overlay_that_meltano_cannot_merge() {
    compare(&values(), |value| json!({ "config": { "maps": { "a": value, "k": 1 } } }));
}

#[test]
fn check_refuses_exactly_the_metadata_of_an_overlay_that_meltano_cannot_merge() {
    let values = [json!("x"), json!(true), json!({}), json!({"b": 1}), json!({"b": {"c": 2}})];
    compare(&values, |value| json!({ "metadata": { "users": { "id": value, "k": 1 } } }));
}

#[test]
fn a_reference_takes_the_kind_of_the_base() {
    let settings = json!([{ "name": "maps", "kind": "object" }]);
    for (base, variable, value) in [
        (json!({"a": 1}), "NUMBER", Some(json!(12))),
        (json!({"a": false}), "TRUE", Some(json!(true))),
        (json!({"a": []}), "LIST", Some(json!([1]))),
        (json!({"a": "x"}), "NUMBER", Some(json!("12"))),
        (json!({"a": 1.5}), "NUMBER", None),
        (json!({"a": {}}), "TABLE", None),
        (json!({"a": {"b": 1}}), "TABLE", None),
    ] {
        let (base, text) = (json!({ "config": { "maps": base } }), format!("config.maps = {}\n", inline(&base)));
        let over = format!("[config.maps]\na = {{ env = \"{variable}\" }}\n");
        let found = problems(&lay(CONNECTOR, &text, Some(&over)));
        assert_eq!(found.is_empty(), value.is_some(), "{text}{over}{found:?}");
        if let Some(value) = value {
            let over = json!({ "config": { "maps": { "a": format!("${variable}") } } });
            let wanted = json!({ "maps": { "a": value } });
            assert_eq!(read(&settings, &base, &over).unwrap()[0], wanted, "{text}");
        }
    }
    // As a whole, a table is only replaced if it is empty.
    for (base, over, is_read) in
        [("{}", "'$TABLE'", true), ("{b = 1}", "'$TABLE'", false), ("'$TABLE'", "{b = 1}", false)]
    {
        let found =
            problems(&lay(CONNECTOR, &format!("config.maps = {base}\n"), Some(&format!("config.maps = {over}\n"))));
        assert_eq!(found.is_empty(), is_read, "{over} over {base}: {found:?}");
    }
}

#[test]
fn the_problem_is_at_the_line_of_the_overlay() {
    let over = "[config]\n\n[config.maps]\nk = 1\nusers = \"x\"\n";
    let found = problems(&lay(CONNECTOR, "[config.maps.users]\nid = 1\n", Some(over)));
    assert_eq!(found, [("spile::settings::overlay_kind".to_owned(), 5)]);
}

#[test]
fn values_around_a_setting_of_the_definition_are_refused_if_meltano_cannot_nest_it() {
    let inner = |setting: &Value| -> String {
        let lines = setting.as_object().unwrap().iter();
        let key = |key: &str| if key == "value" { "default" } else { key }.to_owned();
        let lines: String = lines.map(|(name, value)| assigned((&key(name), value))).collect();
        format!("{CONNECTOR}[[settings]]\n{lines}")
    };
    for (setting, maps) in [
        (json!({"name": "maps.a", "kind": "string"}), json!({"a": {"b": 1}})),
        (json!({"name": "maps.a", "kind": "string", "value": "x"}), json!({"a": {"b": 1}})),
        (json!({"name": "maps.a", "kind": "object"}), json!({"a": {"b": 1}})),
        (json!({"name": "maps.a", "kind": "integer"}), json!({"a": "x"})),
        (json!({"name": "maps.a", "kind": "integer"}), json!({"a": 1})),
        (json!({"name": "maps.a.b", "kind": "string"}), json!({"a": "x"})),
        (json!({"name": "maps.a.b", "kind": "string", "value": "y"}), json!({"a": "x"})),
        (json!({"name": "maps.a.b", "kind": "string", "value": "y"}), json!({"a": {"c": "x"}})),
    ] {
        let settings = json!([{ "name": "maps", "kind": "object" }, setting]);
        let is_read = read(&settings, &json!({ "config": { "maps": maps } }), &json!({})).is_some();
        let found = problems(&lay(&inner(&setting), &format!("config.maps = {}\n", inline(&maps)), None));
        assert_eq!(found.is_empty(), is_read, "{setting}: {maps}: {found:?}");
    }
}
