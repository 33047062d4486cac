//! `import`: adopts every project under `tests/import/`, without changing its meaning to Meltano.

mod refused;
mod report;
mod secrets;
mod used;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::project::Project;

/// The projects to import.
pub fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Copies a fixture into a project that shares Meltano with the other tests.
pub fn lay(name: &str) -> Project {
    lay_from(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name))
}

/// Copies the files of a folder into a project that shares Meltano with the other tests.
pub fn lay_from(fixture: &Path) -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path().join("spile.toml")).unwrap();
    for file in walkdir::WalkDir::new(fixture).into_iter().map(Result::unwrap) {
        if file.file_type().is_file() {
            let path = file.path().strip_prefix(fixture).unwrap().to_str().unwrap();
            project.write(path, &std::fs::read_to_string(file.path()).unwrap());
        }
    }
    project
}

/// A project with this `meltano.yml`.
pub fn with(text: &str) -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path().join("spile.toml")).unwrap();
    project.write("meltano.yml", text);
    project
}

/// Returns the targets and files that a plan would change.
pub fn touched(project: &Project) -> Vec<String> {
    let plan = project.json(&["plan"]);
    let targets = plan["changes"].as_array().unwrap().iter().map(|change| change["target"].clone());
    let files = plan["files"].as_array().unwrap().iter().map(|file| file["path"].clone());
    let mut touched: Vec<String> =
        targets.chain(files).filter_map(|one: Value| Some(one.as_str()?.to_owned())).collect();
    touched.dedup();
    touched
}

#[test]
fn after_an_import_the_plan_leaves_the_file_unchanged_and_after_an_apply_it_is_empty() {
    for fixture in fixtures() {
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        let project = lay(&name);
        project.spile(&["import", "--yes"]).succeeds();
        let text = project.read("meltano.yml");
        assert_eq!(touched(&project), ["registry"], "{name}");
        project.spile(&["apply", "--yes"]).succeeds();
        project.spile(&["plan", "--exit-code"]).succeeds();
        assert_eq!(project.read("meltano.yml"), text, "{name}");
        assert_eq!(project.json(&["import", "--yes"])["error"]["code"], "spile::import::rendered");
    }
}

#[test]
fn comments_stay_or_move_with_their_subject() {
    let project = lay("documented");
    project.spile(&["import", "--yes"]).succeeds();
    let (template, rendered) = (project.read("templates/meltano.yml.j2"), project.read("meltano.yml"));
    for kept in [
        "# What Meltano's documentation shows",
        "# the definition of all shops",
        "# One for each region.",
        "# kept",
        "# the last line",
        "# It has its own file.",
    ] {
        assert!(template.contains(kept) && rendered.contains(kept), "{kept}");
    }
    let (base, dev) =
        (project.read("integrations/tap-shop--eu.toml"), project.read("integrations/tap-shop--eu.dev.toml"));
    for moved in [
        "# the old one is switched off in May",
        "# in Berlin",
        "# sizes",
        "# all but one column",
        "# only that",
        "# the whole table each time",
    ] {
        assert!(base.contains(moved) && !template.contains(moved), "{moved}");
    }
    assert!(dev.contains("# Less of everything at the desk."), "{dev}");
    assert!(rendered.contains("hello {{ name }} and {% not a tag %} {# nor a comment #}"));
}

#[test]
fn parts_that_no_file_can_express_stay_in_the_template_and_are_reported_with_their_line() {
    let project = lay("odd");
    let notes = project.json(&["import", "--yes"])["notes"].as_array().unwrap().clone();
    let note = |word: &str| {
        let found = notes.iter().find(|note| note["message"].as_str().unwrap().contains(word));
        let found = found.unwrap_or_else(|| panic!("{word}: {notes:#?}"));
        let line = usize::try_from(found["line"].as_u64().unwrap()).unwrap();
        include_str!("../import/odd/meltano.yml").lines().nth(line - 1).unwrap().trim().to_owned()
    };
    assert_eq!(note("`tap-quoted` stays"), "\"key with blanks\": 1");
    assert_eq!(note("`Tap_Upper.Case` stays"), "nul_in_list: [1, null]");
    assert_eq!(note("`tap-numbers` stays"), "big: 123456789012345678901234567890");
    assert_eq!(note("is defined twice"), "- name: tap-config-first");
    assert_eq!(note("share the environment variables"), "- name: tap_config_first");
    assert!(!project.path().join("integrations/tap-numbers.toml").exists());
    assert!(project.read("meltano.yml").contains("big: 1234567890"));
}

#[test]
fn unusual_syntax_is_adopted_or_left_and_means_the_same() {
    let plugin = "plugins:\n  extractors:\n  - name: tap-a\n    namespace: a\n    config:\n      x: 1\n";
    for text in [
        "",
        "# nothing\n",
        "plugins: {}\nenvironments: []\njobs: []\n",
        &plugin.replace('\n', "\r\n"),
        &format!("\u{feff}---\n{plugin}      t: |+\n        a\n\n\n"),
        &format!("{plugin}      \u{fc}: 1 # \u{2028}\n      y: \"\u{85}\u{2028}\"\n"),
        &format!("x: &x [{{name: j, tasks: [a]}}]\njobs: *x\nenvironments: &e\n- name: dev\ny: *e\n{plugin}"),
        "x: &x\n- {name: tap-a, config: {a: 1}}\nplugins:\n  extractors: *x\n  loaders:\n  - {name: b, config: {b: 1}}\n",
        &format!(
            "environments:\n- &d\n  name: dev\n  config: &c\n    plugins:\n      extractors:\n      - {{name: tap-a, config: {{x: 5}}}}\n- name: prod\n  config: *c\n{plugin}"
        ),
        &format!(
            "environments:\n- name: dev\n- name: dev\n  config: {{plugins: {{extractors: [{{name: tap-a, config: {{x: 3}}}}]}}}}\n{plugin}"
        ),
        &format!("default_environment: userdev_1\nenvironments:\n- name: userdev_1\n- name: Prod\n{plugin}"),
        "plugins:\n  extractors:\n  - {name: TAP_A, config: {a: 1}}\n  - {name: tap a}\n  - {name: t\u{e4}p, config: {a: x}}\n  - {name: '-'}\n",
        "plugins:\n  extractors:\n  - {name: pg, config: {a: 1}}\n  loaders:\n  - {name: pg, config: {b: 1}}\njobs:\n- {name: pg-extractor, tasks: [pg pg]}\n",
        &format!(
            "{plugin}    annotations:\n      spile: {{id: 6f1c0a52-6d0e-4c6e-9a53-0b4f7c1d2e3f, slug: old}}\n      other: 1\n"
        ),
    ] {
        let project = with(text);
        project.spile(&["import", "--yes"]).succeeds();
        assert!(!touched(&project).contains(&"meltano.yml".to_owned()), "{text}");
        project.spile(&["apply", "--yes"]).succeeds();
        project.spile(&["plan", "--exit-code"]).succeeds();
    }
}

#[test]
fn included_files_are_merged_and_reported_and_stay() {
    let project = lay("documented");
    let shown = project.spile(&["import", "--yes"]).succeeds().stdout();
    for path in ["config/extra.meltano.yml", "config/more/jobs.yml"] {
        assert!(shown.contains(&format!("{path} is merged into the template")), "{shown}");
        assert!(project.read(path).starts_with("# This file is no longer used: `spile import` merged it"));
    }
    let rendered = project.read("meltano.yml");
    assert!(!rendered.contains("include_paths") && rendered.contains("- name: files-docker"));
}
