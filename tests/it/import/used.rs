//! An imported project in use: changed, extended, and run.

use super::{touched, with};

const TWO: &str = "default_environment: dev\nenvironments:\n- name: dev\n\nplugins:\n  extractors:\n  # the first\n  - name: tap-a\n    namespace: tap_a\n    pip_url: a\n    config: {x: 1}\n  - name: tap-b\n    namespace: tap_b\n    pip_url: b\n  loaders:\n  - name: target-a\n    namespace: target_a\n    pip_url: a\n\njobs:\n- name: nightly\n  tasks: [tap-a target-a]\n";

#[test]
fn deleting_a_file_removes_its_plugin_and_lists_never_lose_their_value() {
    let project = with(TWO);
    project.spile(&["import", "--yes"]).succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    std::fs::remove_file(project.path().join("integrations/tap-a.toml")).unwrap();
    std::fs::remove_file(project.path().join("integrations/tap-b.toml")).unwrap();
    project.spile(&["apply", "--yes", "--allow", "delete=2"]).succeeds();
    let text = project.read("meltano.yml");
    assert!(
        !text.contains("tap_a") && text.contains("  extractors: []\n") && text.contains("name: target-a"),
        "{text}"
    );
    project.spile(&["plan", "--exit-code"]).succeeds();
    assert!(project.meltano(&["compile"]).status.success(), "{text}");
}

#[test]
fn later_integrations_are_rendered_after_imported_ones() {
    let project = with(TWO);
    project.spile(&["import", "--yes"]).succeeds();
    project.write("integrations/new.toml", "type = 'tap-a'\nloader = 'lake'\nschedule = '@daily'\n[config]\nx = 2\n");
    project.write("integrations/lake.toml", "type = 'jsonl'\nkind = 'loader'\n");
    project.write("integrations/new.prod.toml", "[config]\nx = 3\n");
    project.write("integrations/tap-a.prod.toml", "[config]\nx = 4\n");
    project.write("spile.toml", &(project.read("spile.toml") + "[environments.prod]\n"));
    let scheduled =
        project.read("integrations/tap-a.toml").replace("\n\n[config]", "\nschedule = '@hourly'\n\n[config]");
    project.write("integrations/tap-a.toml", &scheduled);
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["plan", "--exit-code"]).succeeds();
    let text = project.read("meltano.yml");
    for wanted in [
        "name: tap-a-base--new\n    inherit_from: tap-a-base",
        "- name: prod\n  config:\n    plugins:\n      extractors:\n      - name: tap-a-base--new\n        config:\n          x: 3\n      - name: tap-a\n        config:\n          x: 4\n",
        "- name: nightly\n  tasks: [tap-a target-a]\n- name: new\n  tasks:\n  - tap-a-base--new target-jsonl--lake\n- name: tap-a\n  tasks:\n  - tap-a target-a\n",
        "schedules:\n- name: new\n  interval: '@daily'\n  job: new\n- name: tap-a\n  interval: '@hourly'",
    ] {
        assert!(text.contains(wanted), "{wanted}\nis not in\n{text}");
    }
    assert!(project.meltano(&["compile"]).status.success(), "{text}");
}

#[test]
fn an_imported_setting_may_have_any_name_that_connectors_allow() {
    let project = with(
        "environments:\n- name: dev\nplugins:\n  loaders:\n  - name: target-x\n    namespace: target_x\n    pip_url: x\n    \
         settings:\n    - {name: dialect+driver, kind: string}\n    config:\n      dialect+driver: postgresql+psycopg2\n      \
         conn: {db+password: hunter2, host: h}\n",
    );
    project.spile(&["import", "--yes"]).succeeds();
    let text = project.read("integrations/target-x.toml");
    assert!(text.contains("\"dialect+driver\" = \"postgresql+psycopg2\"\n"), "{text}");
    assert!(text.contains("[secrets]\n\"conn.db+password\" = \"ENC["), "{text}");
    let connector = project.read("connectors/target-x.toml");
    assert!(connector.contains("  { name = \"dialect+driver\" },\n"), "{connector}");
    project.spile(&["apply", "--yes"]).succeeds();
    let text = project.read("meltano.yml");
    assert!(text.contains("${TARGET_X_CONN_DB_PASSWORD}") && !text.contains("hunter2"), "{text}");
    project.spile(&["plan", "--exit-code"]).succeeds();
}

#[test]
fn a_plugin_whose_packages_are_not_in_the_project_cannot_be_locked() {
    // Its name could be that of another package.
    let project = with(&TWO.replace("    pip_url: b\n", ""));
    project.spile(&["import", "--yes"]).succeeds();
    let locks = project.json(&["lock", "--check"]);
    let state = |name: &str| {
        let found = locks["locks"].as_array().unwrap().iter().find(|lock| lock["name"] == name).unwrap();
        (found["state"].as_str().unwrap().to_owned(), found["reason"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(state("tap-a").0, "missing");
    let why = "the project does not contain its `pip_url`, which Meltano takes from the hub";
    assert_eq!(state("tap-b"), ("unlockable".to_owned(), why.to_owned()));
    let ran = project.spile(&["lock", "tap-b"]).fails();
    assert!(ran.stderr().contains("`tap-b` cannot be locked: the project does not contain"), "{}", ran.stderr());
}

#[test]
fn a_duplicate_base_plugin_is_refused() {
    let project = with("plugins:\n  extractors:\n  - {name: tap-github, namespace: tap_github, pip_url: x}\n");
    project.spile(&["import", "--yes"]).succeeds();
    project.write("integrations/new.toml", "type = 'github'\n[config]\nrepositories = ['a/b']\n");
    let problem = &project.json(&["check"])["error"]["problems"][0];
    assert_eq!(problem["code"], "spile::template::plugin_twice");
    assert_eq!(problem["message"], "the template writes two extractors named `tap-github`");
}

/// The plugins are those that the tests have installed, as a user's own project would declare them; only the lock file
/// describes the loader.
const REAL: &str = "\
default_environment: dev
send_anonymous_usage_stats: false
environments:
- name: dev
plugins:
  extractors:
  - name: tap-singer-jsonl
    namespace: tap_singer_jsonl
    pip_url: tap-singer-jsonl==0.1.0 setuptools<81
    executable: tap-singer-jsonl
    capabilities: [about]
    settings:
    - {name: source}
    - {name: local.folders, kind: array}
    config:
      source: local
  - name: my_fruit
    inherit_from: tap-singer-jsonl
    config:
      local.folders: [$FRUIT]
  loaders:
  - name: target-jsonl
    variant: andyh1203
    pip_url: target-jsonl==0.1.4
    config: {destination_path: output, do_timestamp_file: false}
jobs:
- name: fruit
  tasks: [my_fruit target-jsonl]
";

const LOCK: &str = r#"{"plugin_type": "loaders", "name": "target-jsonl", "namespace": "target_jsonl",
    "variant": "andyh1203", "label": "JSON Lines", "pip_url": "target-jsonl", "settings": [
    {"name": "destination_path", "kind": "string"}, {"name": "do_timestamp_file", "kind": "boolean"},
    {"name": "api_key", "kind": "password"}]}"#;

#[test]
fn an_imported_project_goes_up_in_one_command_and_keeps_its_state_ids() {
    let project = with(REAL);
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    project.write(".env", "FRUIT=data\n");
    project.write("plugins/loaders/target-jsonl--andyh1203.lock", LOCK);
    std::fs::create_dir_all(project.path().join("output")).unwrap();
    // Python searches a program's folder for libraries first, and a run sees the project's files beside its own.
    for library in ["atexit.py", "csv.py", "json.py"] {
        project.write(library, "open('/dev/stderr', 'w').write('imported from the project')\nraise SystemExit(3)\n");
    }
    project.spile(&["import", "--yes"]).succeeds();
    assert_eq!(touched(&project), ["registry"]);
    assert_eq!(project.json(&["plan"])["summary"]["create"], 2);
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["test", "my-fruit"]).succeeds();
    project.spile(&["sync", "my-fruit"]).succeeds();
    assert_eq!(project.read("output/fruit.jsonl").lines().count(), 3);
    let run = project.newest_run();
    assert_eq!((&run["records"], &run["state_id"]), (&3.into(), &"dev:my_fruit-to-target-jsonl".into()));
    project.spile(&["plan", "--exit-code"]).succeeds();
    assert!(project.read("connectors/target-jsonl.toml").contains("{ name = \"api_key\", secret = true"));
    // The links through which the run saw the project are gone.
    assert!(project.path().join("data/fruit.singer.jsonl").exists());
}
