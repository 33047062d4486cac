//! Bookmarks that are changed by hand, and what the next sync reads because of it.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::project::{Project, Ran, things, wait_for_the_tap};

const STREAMS: [&str; 3] = ["first", "second", "third"];

fn three() -> Project {
    let project = Project::new();
    project.add_fault("three");
    project.write("notes/x", "");
    project.spile(&["apply", "--yes"]).succeeds();
    for _ in 0..2 {
        sync(&project);
    }
    project
}

fn sync(project: &Project) {
    Ran(project.command_with_notes(&["sync", "things"]).output().unwrap()).succeeds();
}

/// The rows that the destination holds of each stream, by their ids.
fn rows(project: &Project) -> [Vec<i64>; 3] {
    STREAMS.map(|stream| {
        let text = project.read(&format!("output/{stream}.jsonl"));
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap()).collect()
    })
}

/// What Meltano's own database holds, to the byte.
fn stored(project: &Project) -> Option<String> {
    use rusqlite::{Connection, OptionalExtension};
    let database = Connection::open(project.path().join(".meltano/meltano.db")).unwrap();
    let sql = "select completed_state || ' ' || partial_state from state where state_id like 'dev:tap-fault--things-%'";
    database.query_row(sql, [], |row| row.get(0)).optional().unwrap()
}

fn meltano_says(project: &Project, id: &str) -> Value {
    let ran = Ran(project.meltano(&["--environment", "dev", "state", "get", id])).succeeds();
    serde_json::from_str(&ran.stdout()).unwrap()
}

fn code(project: &Project, words: &[&str]) -> String {
    let data = project.json(words);
    data["error"]["code"].as_str().unwrap_or_else(|| panic!("{words:?}: {data}")).to_owned()
}

#[test]
fn of_three_streams_the_one_that_was_cleared_is_read_again_and_the_others_are_not() {
    let project = three();
    let kept = stored(&project);
    assert_eq!(
        kept.as_deref(),
        Some(
            r#"{"singer_state": {"bookmarks": {"first": {"last": 6}, "second": {"last": 6}, "third": {"last": 6}}}} {}"#
        )
    );
    let planned = project.spile(&["state", "clear", "things", "second", "--dry-run"]).succeeds();
    assert!(planned.stdout().contains("second: 6 -> none"), "{}", planned.stdout());
    assert!(planned.stdout().contains("reads everything again"), "{}", planned.stdout());
    let declined = project.spile(&["state", "clear", "things", "second"]).fails();
    assert!(declined.stderr().contains("spile::plan::declined"), "nobody can be asked: {}", declined.stderr());
    assert_eq!(stored(&project), kept, "nothing was written");
    project.spile(&["state", "clear", "things", "second", "--yes"]).succeeds();
    assert_eq!(
        stored(&project).as_deref(),
        Some(r#"{"singer_state": {"bookmarks": {"first": {"last": 6}, "third": {"last": 6}}}} {}"#)
    );
    let would = project.json(&["sync", "--dry-run"])["would_sync"][0].clone();
    assert_eq!(would["bookmark"]["bookmarks"], json!({"first": {"last": 6}, "third": {"last": 6}}));
    sync(&project);
    let went_on: Vec<i64> = (1..=9).collect();
    assert_eq!(rows(&project), [went_on.clone(), vec![1, 2, 3, 4, 5, 6, 1, 2, 3], went_on]);
}

#[test]
fn a_wrong_set_is_undone_to_the_byte_and_meltano_agrees() {
    let project = three();
    let kept = stored(&project);
    let id = "dev:tap-fault--things-to-target-jsonl--files";
    let set = project.json(&["state", "set", "things", "first", "2", "--yes"]);
    let change = set["changes"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(set["plans"][0]["changes"][0]["change"], "earlier", "{set}");
    assert_eq!(meltano_says(&project, id)["singer_state"]["bookmarks"]["first"], json!({"last": 2}));
    let history = project.json(&["state", "history", "things"]);
    assert_eq!((&history["history"][0]["id"], &history["history"][0]["kind"]), (&json!(change), &json!("change")));
    let last = history["history"][1]["id"].as_str().unwrap().to_owned();
    let between = project.json(&["state", "diff", &last, &change]);
    assert_eq!(between["changes"].as_array().unwrap().len(), 1, "{between}");
    // The one undoes the change, the other takes what the last sync left: the same.
    project.spile(&["state", "restore", "things", "--before", &change[..13], "--yes"]).succeeds();
    assert_eq!(stored(&project), kept);
    project.spile(&["state", "set", "things", "third", "5", "--yes"]).succeeds();
    assert_ne!(stored(&project), kept);
    project.spile(&["state", "restore", "things", "--to", &last, "--yes"]).succeeds();
    assert_eq!(stored(&project), kept);
    let nothing = project.json(&["state", "restore", "things", "--to", &last, "--yes"]);
    assert_eq!(nothing["changes"], json!([]), "there is nothing to change: {nothing}");
    sync(&project);
    assert_eq!(rows(&project).map(|rows| rows.len()), [9, 9, 9]);
    // What is shown says since which sync a bookmark has its value.
    let newest = project.newest_run()["id"].clone();
    let shown = project.json(&["state", "show", "things", "first"]);
    let bookmark = &shown["bookmarks"][0];
    assert_eq!((&bookmark["key"], &bookmark["value"], &bookmark["since"]["id"]), (&json!("last"), &json!(9), &newest));
}

#[test]
fn all_bookmarks_are_cleared_and_come_back_from_an_export() {
    let project = three();
    let kept = stored(&project);
    let file = project.path().join("states.json");
    let file = file.to_str().unwrap();
    project.spile(&["state", "export", "--out", file]).succeeds();
    project.spile(&["state", "clear", "things", "--yes"]).succeeds();
    assert_eq!(stored(&project), None);
    let would = project.json(&["sync", "--dry-run"])["would_sync"][0].clone();
    assert_eq!(would["bookmark"], Value::Null, "what the last sync left counts no more: {would}");
    assert_eq!(project.json(&["state", "list"])["states"][0]["format"], Value::Null);
    assert_eq!(code(&project, &["state", "show", "things"]), "spile::state::none");
    project.spile(&["state", "import", file, "--yes"]).succeeds();
    assert_eq!(stored(&project), kept);
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace("\"tap-fault\"", "\"tap-other\"")).unwrap();
    assert_eq!(code(&project, &["state", "import", file, "--yes"]), "spile::state::other_tap");
    std::fs::write(file, "{\"states\": []}").unwrap();
    assert_eq!(code(&project, &["state", "import", file, "--yes"]), "spile::state::document");
    assert_eq!(stored(&project), kept);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_code_and_writes_nothing() {
    let project = three();
    project.write("integrations/fruit.toml", crate::project::FRUIT);
    project.write("integrations/more.toml", "type = 'fault'\nloader = 'files'\n[config]\nmode = 'three'\n");
    project.spile(&["apply", "--yes"]).succeeds();
    let kept = stored(&project);
    let refused: [(&[&str], &str); 10] = [
        (&["set", "things", "fisrt", "1"], "spile::state::no_stream"),
        (&["set", "things", "first", "yesterday"], "spile::state::value"),
        (&["set", "things", "first", "1.5"], "spile::state::value"),
        (&["set", "things", "first", "1", "--key", "other"], "spile::state::several"),
        (&["set", "fruit", "fruit", "1"], "spile::state::none"),
        (&["clear", "things", "first", "fourth"], "spile::state::no_stream"),
        (&["clear", "files"], "spile::run::not_runnable"),
        (&["copy", "things", "fruit"], "spile::state::other_tap"),
        (&["copy", "more", "things"], "spile::state::none"),
        (&["restore", "things", "--to", "ffffffff"], "spile::state::unknown"),
    ];
    for (words, wanted) in refused {
        assert_eq!(code(&project, &[&["state"], words, &["--yes"]].concat()), wanted, "{words:?}");
    }
    assert_eq!(code(&project, &["state", "diff", "ffffffff", "ffffffff"]), "spile::state::unknown");
    assert_eq!(stored(&project), kept);
    project.spile(&["state", "copy", "things", "more", "--yes"]).succeeds();
    let shown = project.json(&["state", "show", "more"]);
    assert_eq!(shown["state"], project.json(&["state", "show", "things"])["state"]);
    assert_eq!(stored(&project), kept, "no other integration's state is touched");
}

#[test]
fn what_cannot_be_read_can_be_replaced_and_removed() {
    let project = three();
    let last = project.newest_run()["id"].as_str().unwrap().to_owned();
    let kept = stored(&project);
    let spoil = || {
        let database = rusqlite::Connection::open(project.path().join(".meltano/meltano.db")).unwrap();
        database.execute("update state set completed_state = '{\"singer_state\": {\"a\": NaN}}'", []).unwrap();
    };
    spoil();
    assert_eq!(code(&project, &["state", "show", "things"]), "spile::state::unreadable");
    assert_eq!(code(&project, &["state", "set", "things", "first", "1", "--yes"]), "spile::state::unreadable");
    project.spile(&["state", "restore", "things", "--to", &last, "--yes"]).succeeds();
    assert_eq!(stored(&project), kept);
    spoil();
    project.spile(&["state", "clear", "things", "--yes"]).succeeds();
    assert_eq!(stored(&project), None);
}

#[test]
fn while_a_run_has_the_integration_its_state_is_left_alone() {
    let project = three();
    let kept = stored(&project);
    project.write("integrations/things.toml", &things("hang"));
    project.spile(&["apply", "--yes"]).succeeds();
    let mut running = project.command(&["sync", "-q"]);
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    let busy = code(&project, &["state", "set", "things", "first", "1", "--yes"]);
    let during = stored(&project);
    crate::project::signal("-INT", &running);
    crate::project::wait(&mut running, std::time::Duration::from_mins(1));
    assert_eq!((busy.as_str(), during), ("spile::state::busy", kept));
}

#[test]
fn a_full_refresh_that_broke_off_does_not_undo_what_was_restored() {
    let project = three();
    let last = project.newest_run()["id"].as_str().unwrap().to_owned();
    project.write("notes/breaks", "first");
    Ran(project.command_with_notes(&["sync", "things", "--full-refresh"]).output().unwrap()).fails();
    let _ = std::fs::remove_file(project.path().join("notes/breaks"));
    let before = rows(&project).map(|rows| rows.len());
    project.spile(&["state", "set", "things", "first", "5", "--yes"]).succeeds();
    project.spile(&["state", "restore", "things", "--to", &last, "--yes"]).succeeds();
    assert_eq!(project.json(&["sync", "--dry-run"])["would_sync"][0]["unfinished_refresh"], Value::Null);
    sync(&project);
    let after = rows(&project);
    assert_eq!(after.clone().map(|rows| *rows.last().unwrap()), [9, 9, 9], "{before:?} {after:?}");
}
