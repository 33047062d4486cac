//! `import --report`: shows what an import would do, and writes nothing.

use serde_json::json;

use super::with;
use crate::cli::schemas::holds;

const MIXED: &str = "default_environment: dev
environments:
- name: dev
  config:
    plugins:
      extractors:
      - name: tap-a
        config: {x: 2}
env: {A: 1}
plugins:
  extractors:
  - name: tap-a
    namespace: tap_a
    pip_url: a
    config: {x: 1, password: canary-of-a}
  - name: tap-b
    namespace: tap_b
    pip_url: b
  - name: tap-c
    namespace: tap_c
    pip_url: c
    config: {list: [null]}
  loaders:
  - name: target-a
    namespace: target_a
    pip_url: a
  utilities:
  - name: dbt
    namespace: dbt
    pip_url: dbt
jobs:
- name: nightly
  tasks: [tap-a target-a]
- name: models
  tasks: [tap-b target-a dbt:run]
schedules:
- name: night
  interval: '@daily'
  job: nightly
";

#[test]
fn a_report_covers_every_part_and_writes_nothing() {
    let project = with(MIXED);
    let report = project.json(&["import", "--report"]);
    holds("import-report", &report);
    let named = |list: &str, key: &str| -> Vec<String> {
        let items = report[list].as_array().unwrap().iter();
        items.map(|item| format!("{}/{}", item[key].as_str().unwrap(), item["name"].as_str().unwrap())).collect()
    };
    assert_eq!(
        named("template", "list"),
        ["extractors/tap-c", "utilities/dbt", "jobs/nightly", "jobs/models", "schedules/night", "keys/env"]
    );
    assert_eq!(
        named("not_run", "list"),
        ["extractors/tap-b", "extractors/tap-c", "utilities/dbt", "jobs/models", "schedules/night"]
    );
    assert_eq!(report["not_run"][0]["command"], "meltano run models");
    assert_eq!(named("secrets", "file"), ["integrations/tap-a.toml/password"]);
    let first = &report["integrations"][0];
    assert_eq!(
        (&first["plugin"], &first["loader"], &first["files"]),
        (&json!("tap-a"), &json!("target-a"), &json!(["integrations/tap-a.dev.toml", "integrations/tap-a.toml"]))
    );
    for (count, list) in [("integrations", 3), ("template", 6), ("not_run", 5), ("secrets", 1)] {
        assert_eq!(report["counts"][count], list, "{count}");
    }
    let text = project.spile(&["import", "--report"]).succeeds().stdout();
    for line in [
        "3 integrations\n",
        "  + the extractor `tap-a` to `target-a`: integrations/tap-a.dev.toml, integrations/tap-a.toml\n",
        "6 in the template\n",
        "  jobs: nightly, models\n",
        "5 not run by spile\n",
        "  `models` of `jobs` is not just one extractor with one loader; run `meltano run models`\n",
        "1 secret in plain text, to be encrypted\n  integrations/tap-a.toml: password\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(!format!("{report}{text}").contains("canary"), "{text}");
    assert_eq!(project.read("meltano.yml"), MIXED);
    for made in ["integrations", "templates", "connectors", "spile.toml", ".sops.yaml"] {
        assert!(!project.path().join(made).exists(), "{made}");
    }
    assert_eq!(project.spile(&["import", "--report", "--yes"]).0.status.code(), Some(64));
}

#[test]
fn a_dry_run_shows_what_an_import_shows_and_writes_nothing() {
    let project = with(MIXED);
    let files = || {
        let all = walkdir::WalkDir::new(project.path()).into_iter().map(|one| one.unwrap().path().to_owned());
        all.collect::<Vec<_>>()
    };
    let before = files();
    let dry = project.spile(&["import", "--dry-run"]).succeeds();
    let asked = project.spile(&["import", "--no-input"]).fails();
    let shown = dry.stdout();
    assert!(shown.contains("integrations/tap-a.toml") && shown.contains("Notes"), "{shown}");
    assert!(asked.stdout().starts_with(&shown), "{}", asked.stdout());
    assert!(dry.stderr().contains("nothing was written"), "{}", dry.stderr());
    let data = project.json(&["import", "--dry-run"]);
    assert_eq!((&data["written"], &data["integrations"][0]["slug"]), (&json!(null), &json!("tap-a")), "{data}");
    let report = project.json(&["import", "--dry-run", "--report"]);
    assert_eq!(report, project.json(&["import", "--report"]));
    assert_eq!((files(), project.read("meltano.yml")), (before, MIXED.to_owned()));
    assert_eq!(project.spile(&["import", "--dry-run", "--yes"]).0.status.code(), Some(64));
}
