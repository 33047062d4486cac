//! Which integrations commands select, and how to enable and disable them.

use serde_json::{Value, json};

use super::program::Came;
use crate::folder::Folder;

const SHOP: &str = "# The shop.\ntype = 'singer-jsonl' # files\nloader = 'lake'\ntags = ['crm']\nschedule = '0 6 * * *'\n\
                    timezone = 'Europe/Berlin'\n[config]\nlocal.folders = ['data']\n";

/// A failed sync of `shop-us`.
const FAILED: &str = "insert into integration_runs (id, environment, integration_id, slug, kind, status, started_at, \
                      finished_at, log) select '00000000-0000-0000-0000-000000000001', environment, id, slug, 'sync', \
                      'failed', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', '' from integrations \
                      where slug = 'shop-us'";

fn project() -> Folder {
    let folder = Folder::project();
    for slug in ["shop-eu", "shop-us"] {
        folder.write(&format!("integrations/{slug}.toml"), SHOP);
    }
    folder.spile("apply --yes").exits(0);
    folder
}

fn slugs(came: &Came, list: &str) -> Vec<String> {
    let found = came.json()[list].as_array().unwrap().clone();
    found.iter().map(|one| one["slug"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn integrations_are_selected_by_name_pattern_tag_and_failure() {
    let folder = project();
    let named = |words: &str| slugs(&folder.spile(&format!("status {words} --format json")).exits(0), "integrations");
    assert_eq!(named("shop-eu"), ["shop-eu"]);
    assert_eq!(named("shop-*"), ["shop-eu", "shop-us"]);
    assert_eq!(named("#crm fruit"), ["fruit", "shop-eu", "shop-us"]);
    assert_eq!(named("--all"), named(""));
    assert_eq!(named("--failed"), [""; 0]);
    // A failure without a later success.
    let registry = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    registry.execute(FAILED, []).unwrap();
    assert_eq!(named("--failed"), ["shop-us"]);
    assert_eq!(named("shop-eu --failed"), [""; 0]);
    assert_eq!(slugs(&folder.spile("runs #crm --format json"), "runs"), ["shop-us"]);
    let refused = folder.spile("status shop-ue #cmr").exits(1);
    assert!(
        refused.notes.contains("no integration is named `shop-ue`, and no integration has the tag `#cmr`"),
        "{}",
        refused.notes
    );
    folder.spile("status shop-eu --all").exits(64);
}

#[test]
fn enabling_changes_only_that_line_of_the_files() {
    let folder = project();
    let disabled = folder.spile("disable shop-* --format json").exits(0).json();
    assert_eq!(disabled, json!({ "paths": ["integrations/shop-eu.toml", "integrations/shop-us.toml"] }));
    // The line is where the formatter puts it.
    let text = SHOP.replace("# files\n", "# files\nenabled = false\n");
    assert_eq!(folder.read("integrations/shop-eu.toml"), text);
    assert!(folder.spile("disable shop-*").exits(0).out.contains("nothing to change"));
    let enabled = |path: &str| folder.read(path).contains("enabled = true");
    folder.spile("enable shop-us").exits(0);
    assert!(enabled("integrations/shop-us.toml") && !enabled("integrations/shop-eu.toml"));
    // With `--env`, only that environment changes, in a file of its own.
    folder.spile("enable shop-eu --env prod").exits(0);
    assert_eq!(folder.read("integrations/shop-eu.prod.toml"), "enabled = true\n");
    assert!(!enabled("integrations/shop-eu.toml"));
    folder.spile("check").exits(0);
    let status =
        |words: &str| folder.spile(&format!("schedules shop-eu --format json {words}")).json()["schedules"][0].clone();
    assert_eq!((&status("")["rests"], &status("--env prod")["rests"]), (&json!("disabled"), &json!("not applied")));
}

#[test]
fn if_one_file_cannot_be_written_none_is() {
    let folder = project();
    let before = folder.files();
    let refused = folder.spile("disable shop-eu nothing").exits(1);
    assert!(refused.notes.contains("no integration is named `nothing`"), "{}", refused.notes);
    let none = folder.spile("disable").exits(64);
    assert!(none.notes.contains("--all"), "{}", none.notes);
    let missing = folder.spile("disable shop-eu --env prd").exits(1);
    assert!(missing.notes.contains("prd"), "{}", missing.notes);
    assert_eq!(folder.files(), before);
}

#[test]
fn a_paused_integration_stays_paused_until_it_is_resumed() {
    let folder = project();
    let status = |slug: &str| -> Value {
        folder.spile(&format!("status {slug} --format json")).json()["integrations"][0]["status"].clone()
    };
    let paused = folder.spile("pause #crm --format json").exits(0).json();
    assert_eq!(paused, json!({ "paused": ["shop-eu", "shop-us"] }));
    assert_eq!((status("shop-eu"), status("fruit")), (json!("paused"), json!("pending")));
    assert!(folder.spile("plan --exit-code").exits(0).out.contains("No changes"), "a pause is no difference");
    assert_eq!(folder.spile("pause shop-eu --format json").json(), json!({ "paused": [] }));
    let registry = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    registry.execute(FAILED, []).unwrap();
    assert_eq!(folder.spile("resume --all --format json").json(), json!({ "resumed": ["shop-eu", "shop-us"] }));
    assert_eq!((status("shop-eu"), status("shop-us")), (json!("pending"), json!("error")));
    let loader = folder.spile("pause lake").exits(1);
    assert!(loader.notes.contains("is a loader, and loaders have no row"), "{}", loader.notes);
    folder.integration("fresh", "data");
    let unapplied = folder.spile("pause fresh").exits(1);
    assert!(unapplied.notes.contains("run `spile apply` first"), "{}", unapplied.notes);
}

#[test]
fn schedules_show_the_next_runs() {
    let folder = project();
    let one = folder.spile("schedules shop-eu --format json").exits(0).json()["schedules"][0].clone();
    assert_eq!(
        (&one["schedule"], &one["timezone"], &one["due"]),
        (&json!("0 6 * * *"), &json!("Europe/Berlin"), &Value::Null)
    );
    let next = one["next"]["at"].as_str().unwrap();
    assert!(next.contains("T05:00:00Z") || next.contains("T04:00:00Z"), "{next}");
    let coming = folder.spile("schedules --next 5 --format json").exits(0);
    assert_eq!(slugs(&coming, "next"), ["shop-eu", "shop-us", "shop-eu", "shop-us", "shop-eu"]);
    let text = folder.spile("schedules").exits(0).out;
    assert!(text.contains("TIME ZONE") && text.contains("(in "), "{text}");
    assert!(folder.spile("schedules fruit").exits(0).out.contains("no schedules yet"));
}

#[test]
fn a_dry_run_says_which_streams_would_be_read_from_the_beginning() {
    let folder = Folder::project();
    let text = "type = 'github'\nloader = 'lake'\n[config]\nrepositories = ['a/b']\n";
    folder.write("integrations/code.toml", text);
    let said = |words: &str| folder.spile(&format!("sync code --dry-run {words}")).exits(0).out;
    let some = said("--stream issues --stream releases --full-refresh=issues");
    assert!(some.contains("reads only `issues`, `releases`; reads `issues` from the beginning"), "{some}");
    assert!(said("--full-refresh").contains("not used: it reads everything again"));
    let mut json = folder.spile("sync code --dry-run --full-refresh=issues --format json").exits(0).json();
    super::schemas::holds("dry-run", &json);
    let one = json["would_sync"][0].take();
    assert_eq!((&one["streams"]["refresh"], &one["old_rows"]), (&json!(["issues"]), &json!("keep")));
}
