//! Imported connectors with the real Meltano: its schema and `meltano compile` accept the rendered file.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use super::hub;
use crate::project::{Project, Ran};

/// Returns the smallest integration of a connector, according to `connectors show`: its required settings, and one
/// group.
fn minimal(shown: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let group: Vec<String> = shown["groups"][0]["settings"].as_array().into_iter().flatten().map(text).collect();
    let mut written = format!("type = '{}'\nkind = '{}'\n[config]\n", text(&shown["name"]), text(&shown["kind"]));
    for setting in shown["settings"].as_array().unwrap() {
        let name = text(&setting["name"]);
        if !(setting["required"] == true || group.contains(&name)) {
            continue;
        }
        let value = match setting["kind"].as_str().unwrap() {
            _ if setting["secret"] == true => "'$A_SECRET'".to_owned(),
            "integer" => "1".to_owned(),
            "decimal" => "0.5".to_owned(),
            "boolean" => "true".to_owned(),
            "date_iso8601" => "2024-01-01T00:00:00Z".to_owned(),
            "email" => "'a@example.com'".to_owned(),
            "array" => "[]".to_owned(),
            "object" => "{}".to_owned(),
            "options" => setting["options"][0]["value"].to_string(),
            _ => "'x'".to_owned(),
        };
        writeln!(written, "\"{name}\" = {value}").unwrap();
    }
    written
}

/// Returns the errors that Meltano's own schema finds in a `meltano.yml`.
fn faults(project: &Project) -> Vec<String> {
    let libraries = project.path().join(".spile/meltano/lib");
    let python = std::fs::read_dir(&libraries).unwrap().next().unwrap().unwrap().path();
    let schema = python.join("site-packages/meltano/schemas/meltano.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let rendered: Value = yaml_serde::from_str(&project.read("meltano.yml")).unwrap();
    validator.iter_errors(&rendered).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn add(project: &Project, from: &Path, number: usize) {
    let imported = project.json(&["connectors", "import", from.to_str().unwrap()]);
    let (name, kind) = (imported["name"].as_str().unwrap(), imported["kind"].as_str().unwrap());
    let shown = project.json(&["connectors", "show", name, "--kind", kind]);
    project.write(&format!("integrations/i{number}.toml"), &minimal(&shown["connectors"][0]));
}

#[test]
fn meltano_accepts_the_rendered_file_of_every_definition_of_the_hub() {
    let project = Project::new();
    for (number, path) in hub().iter().enumerate() {
        add(&project, path, number);
    }
    let odd = "name: target-odd\nplugin_type: loaders\nnamespace: target-odd\nexecutable: odd\nvariant: me\ndialect: odd\npython: python3\n\
               capabilities: [fly, batch]\ncommands: {about: {args: --about, description: Says it}}\nenv: {ODD: '1'}\n\
               settings:\n- {name: dialect+driver, value: a+b}\n- {name: a, value: 5}\n- {name: b, kind: options, options: [{value: 1}]}\n\
               - {name: c, aliases: [d], env: C, tooltip: t, value_processor: nest_object, kind: object, value: '{\"x.y\": 1}'}\n\
               - {name: e, kind: hidden}\n- {name: f, kind: text}\n- {name: h, kind: date_iso8601, value: soon}\n";
    project.write("odd.yml", odd);
    add(&project, Path::new("odd.yml"), 99);
    project.spile(&["check"]).succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    assert_eq!(faults(&project), Vec::<String>::new());
    for words in [vec!["compile"], vec!["--environment", "dev", "config", "list", "target-odd--i99"]] {
        let ran = Ran(project.meltano(&words)).succeeds();
        let noise = ran.stderr().to_lowercase();
        assert!(!noise.contains("warn") && !noise.contains("hub"), "{noise}");
    }
    let selected = project.read("meltano.yml");
    assert!(selected.contains("OpportunityHistory.*"), "{selected}");
}
