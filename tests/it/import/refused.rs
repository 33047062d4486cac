//! Refused imports: with a place and the next step, and without writing anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::with;
use crate::project::Project;

/// Returns all files of a project except shared ones.
fn files(project: &Project) -> BTreeMap<PathBuf, Vec<u8>> {
    let walk = walkdir::WalkDir::new(project.path()).into_iter().map(Result::unwrap);
    let files = walk.filter(|file| file.file_type().is_file() && file.metadata().unwrap().len() < 1_000_000);
    files.map(|file| (file.path().to_owned(), std::fs::read(file.path()).unwrap())).collect()
}

fn refuses(text: &str, code: &str) {
    let project = with(text);
    let before = files(&project);
    let error = &project.json(&["import", "--yes"])["error"];
    let problem = error["problems"].get(0).unwrap_or(error);
    let shown = text.chars().take(80).collect::<String>();
    assert_eq!(problem["code"], code, "{shown}: {error}");
    assert!(problem["help"].is_string(), "{shown}: {error}");
    assert!(!project.spile(&["import", "--yes"]).fails().stderr().contains("hunter2"), "{shown}");
    assert_eq!(files(&project), before, "{shown}");
}

#[test]
fn a_file_that_meltano_would_refuse_is_refused_with_its_place_and_nothing_is_written() {
    let plugin = "plugins:\n  extractors:\n  - name: tap-a\n    config: {password: hunter2}\n";
    for (text, code) in [
        ("plugins: [\n", "spile::import::syntax"),
        ("a: 1\n\tb: hunter2\n", "spile::import::syntax"),
        ("- plugins\n", "spile::import::form"),
        ("plugins: text\n", "spile::import::form"),
        ("plugins:\n  extractors:\n", "spile::import::form"),
        ("plugins:\n  extractors: {tap-a: {}}\n", "spile::import::form"),
        ("plugins:\n  extractors:\n  - tap-a\n", "spile::import::form"),
        ("plugins:\n  extractors:\n  - variant: x\n", "spile::import::form"),
        ("plugins:\n  extractors:\n  - name: 5\n", "spile::import::form"),
        ("plugins:\n  loaders:\n  - name: 'a:b'\n", "spile::import::name"),
        ("environments:\n- dev\n", "spile::import::form"),
        ("jobs:\n", "spile::import::form"),
        ("schedules: {a: b}\n", "spile::import::form"),
        ("a: 1\n---\nb: hunter2\n", "spile::import::documents"),
        (&format!("{plugin}    config: hunter2\n"), "spile::import::duplicate_key"),
        (&format!("{plugin}plugins: {{}}\n"), "spile::import::duplicate_key"),
        (&format!("a: {}x{}\n", "[".repeat(200), "]".repeat(200)), "spile::import::too_deep"),
        ("include_paths: [.spile]\n", "spile::import::include_path"),
        ("include_paths: ['[']\n", "spile::import::include_path"),
    ] {
        refuses(text, code);
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_with_the_numbers() {
    refuses(&"# hunter2\n".repeat(5_300_000), "spile::import::too_large");
    let bomb = (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    refuses(&format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{}", bomb.collect::<String>()), "spile::import::aliases");
    refuses("a: hunter2\nb: &b {c: [*b]}\n", "spile::import::recursive");
    let project = with(&"# hunter2\n".repeat(5_300_000));
    let shown = project.spile(&["import"]).fails().stderr();
    assert!(shown.contains("53000000") && shown.contains("2097152"), "{shown}");
}

#[test]
fn nothing_to_import_is_reported() {
    let project = with("");
    std::fs::remove_file(project.path().join("meltano.yml")).unwrap();
    assert_eq!(project.json(&["import"])["error"]["code"], "spile::import::missing");
}

#[test]
fn files_in_the_way_are_named_and_stay_unchanged() {
    let project = with("plugins:\n  extractors:\n  - {name: tap-a, namespace: a, config: {b: 1}}\n");
    project.write("connectors/tap-a.toml", "mine");
    project.write("templates/meltano.yml.j2", "mine");
    let shown = project.spile(&["import", "--yes"]).fails().stderr();
    assert!(shown.contains("`connectors/tap-a.toml`, `templates/meltano.yml.j2` already exist"), "{shown}");
    assert_eq!(project.read("connectors/tap-a.toml"), "mine");
    assert!(!project.path().join("integrations").exists() && !project.path().join("spile.toml").exists());
}

#[test]
fn without_a_yes_everything_is_shown_and_nothing_written() {
    let project = with("plugins:\n  extractors:\n  - {name: tap-a, namespace: a, config: {b: 1}}\n");
    let before = files(&project);
    let ran = project.spile(&["import", "--no-input"]).fails();
    assert!(ran.stderr().contains("nothing was applied"), "{}", ran.stderr());
    for shown in ["+ integrations/tap-a.toml", "+ templates/meltano.yml.j2", "+++ b/meltano.yml"] {
        assert!(ran.stdout().contains(shown), "{}", ran.stdout());
    }
    let data = project.json(&["import"]);
    assert_eq!((&data["written"], &data["integrations"][0]["slug"]), (&serde_json::Value::Null, &"tap-a".into()));
    assert_eq!(files(&project), before);
}
