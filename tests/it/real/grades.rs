//! Certificates of real taps, and of one that is wrong on purpose.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::batches::batched;
use super::sources::{orders, password, shop};
use crate::cli::schemas::holds;
use crate::project::{FRUIT, LOADER, Project, Ran, leftovers, with_sources};
use crate::supabase::postgres::Postgres;

/// A connector of the tests' own tap. A changed tap has another name, because installed plugins are shared.
fn connector() -> String {
    let tap = include_bytes!("../../taps/tap-unsteady/tap_unsteady.py");
    let name = format!("tap-unsteady-{}", &spile_core::digest::hash(tap)[..8]);
    format!(
        "kind = 'extractor'\nlabel = 'Unsteady'\n\n[plugin]\nname = '{name}'\nnamespace = 'tap_unsteady'\n\
         pip_url = './tap-unsteady'\nexecutable = 'tap-unsteady'\ncapabilities = ['catalog', 'discover', 'state']\n\n\
         [[settings]]\nname = 'fault'\n\n[[settings]]\nname = 'token'\nsecret = true\n"
    )
}

/// A project with that tap.
pub fn unsteady() -> Project {
    let project = Project::new();
    project.add_package("taps/tap-unsteady");
    project.write("connectors/unsteady.toml", &connector());
    project.write("integrations/files.toml", LOADER);
    project
}

fn with_fault(project: &Project, fault: &str) {
    let text = format!("type = 'unsteady'\nloader = 'files'\n[config]\nfault = '{fault}'\n");
    project.write("integrations/orders.toml", &text);
}

fn certified(project: &Project, words: &[&str]) -> Value {
    let told = project.json(&[&["connectors", "certify"], words, &["--yes"]].concat());
    holds("connectors-certify", &told);
    told
}

fn kinds(told: &Value) -> Vec<&str> {
    let findings = told["certificate"]["findings"].as_array().unwrap_or_else(|| panic!("{told:#}"));
    findings.iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

fn finding<'a>(told: &'a Value, kind: &str) -> &'a Value {
    let findings = told["certificate"]["findings"].as_array().unwrap();
    findings.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {told:#}"))
}

#[test]
fn every_fault_of_a_tap_is_named_and_graded() {
    let project = unsteady();
    let last = "repeats_last";
    for (fault, grade, wanted) in [
        ("none", "A", vec![last]),
        ("loses", "F", vec!["lost"]),
        ("fails", "F", vec!["cannot_continue", "cannot_continue", "cannot_continue"]),
        ("null key", "D", vec!["null_key", "wrong_type", last]),
        ("same key", "D", vec!["repeated_key", last]),
        ("type", "D", vec!["wrong_type", last]),
        ("discovery", "D", vec!["unstable_discovery", last]),
        ("no key", "C", vec!["no_key", last]),
        ("no state", "C", vec!["no_state"]),
        ("looks back", "B", vec!["repeats_earlier", last]),
        ("undeclared", "B", vec!["undeclared", last]),
    ] {
        with_fault(&project, fault);
        let told = certified(&project, &["unsteady"]);
        assert_eq!((&told["certificate"]["grade"], kinds(&told)), (&json!(grade), wanted), "{fault}: {told:#}");
        assert_eq!(told["passed"], json!(grade < "D"), "{fault}");
        assert_eq!(told["certificate"]["streams"], json!([{ "stream": "orders", "records": 9 }]), "{fault}");
        match fault {
            "loses" => {
                let found = finding(&told, "lost");
                assert_eq!(found["message"], "loses 1 of 9 records when the tap continues from its state 3");
                assert_eq!(found["examples"], json!(["4"]));
            }
            "type" => assert_eq!(
                finding(&told, "wrong_type")["message"],
                "has 1 record in which `note` is of type integer, but the schema says null or string"
            ),
            "null key" => assert_eq!(finding(&told, "null_key")["examples"], json!(["null"])),
            "same key" => assert_eq!(finding(&told, "repeated_key")["examples"], json!(["4"])),
            _ => {}
        }
        assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    }
    assert_eq!(project.json(&["runs"])["runs"], json!([]), "a certification is no run");
    assert!(!project.path().join("output").exists(), "the loader was used");
}

#[test]
fn batches_hold_what_single_records_hold_or_the_grade_says_what_is_wrong() {
    let project = batched("");
    let told = certified(&project, &["batch"]);
    assert_eq!((&told["certificate"]["grade"], kinds(&told)), (&json!("A"), vec![]), "{told:#}");
    let cost = project.spile(&["connectors", "certify", "batch", "--yes"]).succeeds().stderr();
    assert!(cost.contains("in two parts; once in batches; one more if"), "{cost}");
    // Meltano's SDK ignores what is selected.
    let text = "type = 'batch'\nloader = 'lines'\nselect = ['things.*', '!things.phone']\n";
    project.write("integrations/things.toml", text);
    let told = certified(&project, &["batch"]);
    assert_eq!(
        finding(&told, "cannot_batch")["message"],
        "has fields in batches that are not selected, so a sync in batches fails: `phone`"
    );
    project.write("integrations/things.toml", "type = 'batch'\nloader = 'lines'\n");
    for (note, kind, message) in [
        ("loses", "batch_lost", "loses 1 of 25000 records in batches"),
        ("batch-fails", "cannot_batch", "the tap fails when it writes batches: the tap ended with exit code 1"),
        ("no-batch", "no_batch", "the tap writes no batches, although its definition lists `batch`"),
    ] {
        project.write(&format!("notes/{note}"), "");
        let words = ["connectors", "certify", "batch", "--yes", "--format", "json"];
        let ran = Ran(project.command_with_notes(&words).output().unwrap());
        let told: Value = serde_json::from_str(&ran.stdout()).unwrap();
        assert_eq!(finding(&told, kind)["message"], message);
        std::fs::remove_file(project.path().join("notes").join(note)).unwrap();
        assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    }
}

#[test]
fn records_out_of_order_are_lost_after_a_restart_and_the_catalog_shows_the_grade() {
    let project = unsteady();
    project.spile(&["secrets", "init"]).succeeds();
    with_fault(&project, "order");
    project.spile_with(&["secrets", "set", "orders", "token", "--stdin"], "canary-hunter2").succeeds();
    let ran = project.spile(&["connectors", "certify", "unsteady", "--states", "9", "--yes"]).fails();
    let (text, cost) = (ran.stdout(), ran.stderr());
    assert!(text.contains("unsteady  grade F: loses records or cannot continue after a restart"), "{text}");
    assert!(
        text.contains("F orders loses 1 of 9 records when the tap continues from its state 2, for example 2"),
        "{text}"
    );
    assert!(text.contains("B orders has 1 record out of the order of `at`"), "{text}");
    assert!(cost.contains("reads everything that it selects once") && cost.contains("up to 9 times more"), "{cost}");

    let shown = project.spile(&["connectors", "show", "unsteady"]).succeeds().stdout();
    assert!(shown.contains("certified") && shown.contains("grade F on 20"), "{shown}");
    let shown = project.json(&["connectors", "show", "unsteady"]);
    holds("connectors-show", &shown);
    let certified = &shown["connectors"][0]["certified"];
    assert_eq!((&certified["grade"], &certified["findings"][0]["kind"]), (&json!("F"), &json!("lost")));
    assert!(certified["findings"][0].get("examples").is_none(), "the catalog is for everybody");
    let clone = project.json(&["connectors", "show", "unsteady", "--untrusted"]);
    assert_eq!(clone["connectors"][0]["certified"], Value::Null, "anybody may have written it");

    let folder = project.path().join(".spile/certified");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let log = project.path().join(".spile/logs/orders/certify");
    let log = std::fs::read_dir(log).unwrap().next().unwrap().unwrap().path();
    for text in [text, cost, std::fs::read_to_string(file).unwrap(), std::fs::read_to_string(log).unwrap()] {
        assert!(!text.contains("canary"), "{text}");
    }
    // Another version of the plugin has no grade.
    project.write("connectors/unsteady.toml", &connector().replace("'./tap-unsteady'", "'./tap-unsteady/.'"));
    assert_eq!(project.json(&["connectors", "show", "unsteady"])["connectors"][0]["certified"], Value::Null);
}

#[test]
fn a_certification_without_a_clear_subject_or_without_consent_reads_nothing() {
    let project = unsteady();
    let told = project.spile(&["connectors", "certify", "unsteady", "--yes"]).fails().stderr();
    assert!(told.contains("no integration uses the extractor `unsteady`"), "{told}");
    with_fault(&project, "none");
    let text = project.read("integrations/orders.toml");
    project.write("integrations/more-orders.toml", &text);
    project.write("integrations/fruit.toml", FRUIT);
    for (words, code) in [
        (vec!["unsteady", "--yes"], "several"),
        (vec!["unstead", "--yes"], "unused"),
        (vec!["unsteady", "--config", "fruit", "--yes"], "other_connector"),
        (vec!["unsteady", "--config", "orders"], "declined"),
    ] {
        let told = project.json(&[&["connectors", "certify"], &words[..]].concat());
        assert_eq!(told["error"]["code"], format!("spile::certify::{code}"), "{told:#}");
    }
    let told = project.spile(&["connectors", "certify", "jsonl", "--config", "files", "--yes"]).fails().stderr();
    assert!(told.contains("`files` is a loader"), "{told}");
    let ran = project.spile(&["connectors", "certify", "unsteady", "--config", "orders", "--yes", "--untrusted"]);
    assert_eq!(ran.0.status.code(), Some(64));
    assert!(!project.path().join(".spile/certified").exists());
}

#[test]
fn a_tap_of_files_has_no_state() {
    let project = with_sources();
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    project.write("integrations/fruit.toml", FRUIT);
    let told = certified(&project, &["singer-jsonl"]);
    assert_eq!((&told["certificate"]["grade"], kinds(&told)), (&json!("C"), vec!["no_state"]), "{told:#}");
    assert_eq!(told["certificate"]["streams"], json!([{ "stream": "fruit", "records": 3 }]));
}

#[test]
fn the_tap_of_postgres_loses_nothing() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_certified");
    let more = "create table tiny(id int primary key, price numeric(10, 2), at timestamptz default now(), tags jsonb);
                insert into tiny select g, g * 1.1, now(), '[1, null]' from generate_series(1, 5) g;
                grant select on tiny to shop";
    postgres.sql("orders_certified", more).unwrap();
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_certified", "public-orders.*', 'public-tiny.*");
    password(&project, "hunter2");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    let would = project.json(&["sync", "--dry-run"]);
    let told = certified(&project, &["postgres", "--config", "shop", "--states", "5"]);
    assert_eq!(told["certificate"]["grade"], "A", "{told:#}");
    assert_eq!(finding(&told, "repeats_last")["stream"], "public-orders", "{told:#}");
    assert!(told["certificate"]["restarts"].as_u64().unwrap() > 1, "{told:#}");
    let streams = json!([{ "stream": "public-orders", "records": 50 }, { "stream": "public-tiny", "records": 5 }]);
    assert_eq!(told["certificate"]["streams"], streams);
    assert_eq!(project.json(&["sync", "--dry-run"]), would, "bookmarks stay");
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(project.newest_run()["streams"]["public-orders"], 1, "the sync continues from its own bookmark");

    // A grade for some streams only is not the connector's.
    let before = project.json(&["connectors", "show", "postgres", "--kind", "extractor"]);
    let told = certified(&project, &["postgres", "--stream", "public-tiny"]);
    assert_eq!(told["certificate"]["streams"], json!([{ "stream": "public-tiny", "records": 5 }]));
    assert_eq!(project.json(&["connectors", "show", "postgres", "--kind", "extractor"]), before);
}
