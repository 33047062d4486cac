//! The proof with the real Meltano: `meltano compile` before and after.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::lay;
use crate::project::Project;

/// Returns the manifests of all environments, in the one form in which equal ones are equal.
fn manifests(project: &Project) -> BTreeMap<String, Value> {
    let folder = project.path().join(".meltano/manifests");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let output = project.meltano(&["compile"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let manifest = |path: std::path::PathBuf| {
        let mut manifest: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        manifest.as_object_mut().unwrap().remove("include_paths");
        manifest.as_object_mut().unwrap().remove("project_id");
        // Made up anew for a project that says none.
        manifest["env"].as_object_mut().unwrap().remove("MELTANO_PROJECT_ID");
        for list in manifest["plugins"].as_object_mut().unwrap().values_mut() {
            list.as_array_mut().unwrap().iter_mut().for_each(normalise);
        }
        (path.file_name().unwrap().to_string_lossy().into_owned(), manifest)
    };
    files.map(manifest).collect()
}

/// Takes out what import adds, and writes as Meltano sees it what the manifest has as it was written: its `env` has
/// every setting as plugins get it.
fn normalise(plugin: &mut Value) {
    let members = plugin.as_object_mut().unwrap();
    if let Some(annotations) = members.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("spile");
        if annotations.is_empty() {
            members.remove("annotations");
        }
    }
    for key in ["config", "metadata"] {
        let mut leaves = Map::new();
        flatten("", members.get(key).unwrap_or(&Value::Null), &mut leaves);
        members.remove(key);
        if !leaves.is_empty() {
            members.insert(key.to_owned(), Value::Object(leaves));
        }
    }
    if let Some(select) = members.get_mut("select").and_then(Value::as_array_mut) {
        select.sort_by_key(ToString::to_string);
    }
    for (name, value) in members.get_mut("env").and_then(Value::as_object_mut).into_iter().flatten() {
        let parsed = serde_json::from_str::<Value>(value.as_str().unwrap_or_default());
        if let Ok(mut parsed @ (Value::Array(_) | Value::Object(_))) = parsed {
            if let (true, Some(select)) = (name.ends_with("__SELECT"), parsed.as_array_mut()) {
                select.sort_by_key(ToString::to_string);
            }
            *value = parsed;
        }
    }
}

fn flatten(name: &str, value: &Value, leaves: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(&if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, value, leaves);
            }
        }
        Value::Null => {}
        value => drop(leaves.insert(name.to_owned(), value.clone())),
    }
}

fn stays_equal(name: &str) {
    let (before, after) = (lay(name), lay(name));
    after.spile(&["import", "--yes"]).succeeds();
    let (before, mut after) = (manifests(&before), manifests(&after));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (file, before) in before {
        let mut after = after.remove(&file).unwrap();
        let mut before = before;
        since(&mut before);
        since(&mut after);
        let (before, after) =
            (serde_json::to_string_pretty(&before).unwrap(), serde_json::to_string_pretty(&after).unwrap());
        let diff = similar::TextDiff::from_lines(&before, &after).unified_diff().to_string();
        assert!(diff.is_empty(), "{name}, {file}:\n{diff}");
    }
}

/// An instant without quotes has its offset in the manifest's `config`, and has lost it in what the plugin gets: that
/// is what `env` shows, and what is compared.
fn since(manifest: &mut Value) {
    for plugin in manifest["plugins"]["extractors"].as_array_mut().unwrap() {
        if let Some(config) = plugin.get_mut("config").and_then(Value::as_object_mut) {
            config.remove("since");
        }
    }
}

#[test]
fn meltano_compiles_the_documented_project_to_the_same() {
    stays_equal("documented");
}

#[test]
fn meltano_compiles_a_project_with_anchors_to_the_same() {
    stays_equal("anchors");
}

#[test]
fn meltano_compiles_a_project_in_brackets_to_the_same() {
    stays_equal("brackets");
}

#[test]
fn meltano_compiles_oddly_written_projects_to_the_same() {
    stays_equal("odd");
}
