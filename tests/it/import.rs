//! `import`: every project under `tests/import/` is adopted, and means the same to Meltano afterwards.

mod equal;
mod refused;
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

/// Lays a fixture into a project that shares Meltano with the other tests.
pub fn lay(name: &str) -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path().join("spile.toml")).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name);
    for file in walkdir::WalkDir::new(&fixture).into_iter().map(Result::unwrap) {
        if file.file_type().is_file() {
            let path = file.path().strip_prefix(&fixture).unwrap().to_str().unwrap();
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

/// Returns what a plan would touch: targets and files.
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
fn after_an_import_a_plan_wants_nothing_of_the_file_and_after_one_apply_nothing_at_all() {
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
fn comments_stay_where_they_are_or_go_along_with_what_they_are_about() {
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
fn what_has_no_form_in_a_file_stays_in_the_template_and_is_named_with_its_line() {
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
    assert_eq!(note("stands twice"), "- name: tap-config-first");
    assert_eq!(note("share the environment variables"), "- name: tap_config_first");
    assert!(!project.path().join("integrations/tap-numbers.toml").exists());
    assert!(project.read("meltano.yml").contains("big: 1234567890"));
}

#[test]
fn included_files_are_merged_and_named_and_stay() {
    let project = lay("documented");
    let shown = project.spile(&["import", "--yes"]).succeeds().stdout();
    for path in ["config/extra.meltano.yml", "config/more/jobs.yml"] {
        assert!(shown.contains(&format!("{path} is merged into the template")), "{shown}");
        assert!(project.path().join(path).exists());
    }
    let rendered = project.read("meltano.yml");
    assert!(!rendered.contains("include_paths") && rendered.contains("- name: files-docker"));
}
