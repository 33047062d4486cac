//! The published schemas: the output matches them exactly.

use std::path::Path;

use serde_json::Value;
use spile_core::render::MARKER;

use crate::folder::Folder;

/// Demands that a value matches its schema; the schema refuses unknown members.
#[track_caller]
pub fn holds(schema: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{schema}.schema.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}\n{value:#}", errors.join("\n"));
}

#[test]
fn output_matches_the_schemas() {
    let folder = Folder::project();
    folder.integration("gone", "data");
    folder.integration("kept", "data");
    folder.write("integrations/kept.toml", &format!("protect = true\n{}", folder.read("integrations/kept.toml")));
    holds("plan", &folder.spile("plan --format json").json());
    folder.spile("apply --yes").exits(0);
    let hands = "update integrations set name = 'by hand' where slug = 'fruit'; \
                 insert into integrations (environment, id, slug, type, name, managed_by, created_at, updated_at) \
                 values ('dev', 'theirs', 'x', 'y', 'Theirs', null, '', '');";
    rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap().execute_batch(hands).unwrap();
    folder.write("integrations/bakery.toml", "id = \"af6c0510-aab0-5700-be26-56fc4ee06ee6\"\nschedule = \"@daily\"\n");
    let renamed =
        folder.read("integrations/bakery.toml") + &folder.read("integrations/fruit.toml").replace("data", "here");
    folder.write("integrations/bakery.toml", &renamed);
    for slug in ["fruit", "gone", "kept"] {
        folder.remove(&format!("integrations/{slug}.toml"));
    }
    let plan = folder.spile("plan --format json --out plan.json").json();
    for part in ["changes", "drift", "unmanaged", "protected", "files"] {
        assert_ne!(plan[part], serde_json::json!([]), "{part} is empty: {plan:#}");
    }
    holds("plan", &plan);
    holds("plan", &serde_json::from_str(&folder.read("plan.json")).unwrap());
    folder.write("list.txt", &format!("{MARKER}\nof before\n"));
    folder.write("templates/list.j2", "{{ marker|safe }}\n");
    let outputs = "[[outputs]]\npath = 'list.txt'\ntemplate = 'templates/list.j2'\n";
    folder.write("spile.toml", &format!("{}{outputs}", folder.read("spile.toml")));
    let partial = folder.spile("plan --only lake --format json").json();
    assert_eq!(partial["outputs_left"], serde_json::json!(["list.txt"]));
    holds("plan", &partial);
    holds("drift", &folder.spile("drift --format json").exits(2).json());
    holds("history", &folder.spile("history --format json").json());
    holds("status", &folder.spile("status --format json").json());
    holds("schedules", &folder.spile("schedules --format json").json());
    holds("schedules-next", &folder.spile("schedules --next 3 --format json").json());
    holds("runs", &folder.spile("runs --format json").json());
    holds("check", &folder.spile("check --format json").json());
    folder.write("integrations/bad.toml", "typ = 1\n");
    holds("error", &folder.spile("check --format json").exits(1).json());
    holds("error", &folder.spile("logs nothing --format json").exits(1).json());
}
