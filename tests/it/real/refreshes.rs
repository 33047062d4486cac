//! Interrupted full refreshes: the next sync resumes them, and never uses older bookmarks.

use std::process::Stdio;

use serde_json::Value;

use crate::project::{Project, Ran, things};

const STREAMS: [&str; 3] = ["first", "second", "third"];

fn three() -> Project {
    let project = Project::new();
    project.add_fault("three");
    project.write("integrations/things.toml", &things("three"));
    project.write("notes/x", "");
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

fn sync(project: &Project, words: &[&str]) -> Ran {
    let mut command = project.command_with_notes(&[&["sync", "things"], words].concat());
    Ran(command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap())
}

/// The ids of the rows that the destination has of each stream.
fn rows(project: &Project) -> [Vec<i64>; 3] {
    STREAMS.map(|stream| {
        let path = project.path().join(format!("output/{stream}.jsonl"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap()).collect()
    })
}

fn would(project: &Project) -> Value {
    project.json(&["sync", "--dry-run"])["would_sync"][0].clone()
}

#[test]
fn a_full_refresh_interrupted_after_one_of_three_streams_is_resumed() {
    let project = three();
    for _ in 0..2 {
        sync(&project, &[]).succeeds();
    }
    assert_eq!(rows(&project), [1, 1, 1].map(|_| (1..=6).collect::<Vec<_>>()));
    project.write("notes/breaks", "second");
    let broken = sync(&project, &["--full-refresh"]).fails();
    assert!(broken.stdout().contains("it broke off"), "{}", broken.stdout());
    let id = project.newest_run()["id"].clone();
    let would = would(&project);
    assert_eq!(would["unfinished_refresh"], id, "{would}");
    assert_eq!(would["bookmark"]["bookmarks"], serde_json::json!({ "first": { "last": 3 } }), "{would}");
    let resumed = sync(&project, &[]).succeeds();
    let told =
        format!("Continuing with the full refresh of `things` that was interrupted in run {}", id.as_str().unwrap());
    assert!(resumed.stderr().contains(&told), "{}", resumed.stderr());
    // The first stream resumes, and the others are read again from the beginning.
    let first = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6].to_vec();
    let other = [1, 2, 3, 4, 5, 6, 1, 2, 3].to_vec();
    assert_eq!(rows(&project), [first, other.clone(), other]);
    let run = project.newest_run();
    assert_eq!((&run["full_refresh"], &run["bookmark_before"]), (&true.into(), &would["bookmark"]));
    let next = sync(&project, &[]).succeeds();
    assert!(!next.stderr().contains("Continuing"), "it is finished: {}", next.stderr());
    assert_eq!(rows(&project).map(|rows| *rows.last().unwrap()), [9, 6, 6]);
    assert_eq!(project.newest_run()["full_refresh"], false);
}

#[test]
fn a_full_refresh_interrupted_before_its_first_bookmark_starts_over() {
    let project = three();
    sync(&project, &[]).succeeds();
    project.write("notes/breaks", "first");
    sync(&project, &["--full-refresh"]).fails();
    assert_eq!(would(&project)["bookmark"], Value::Null);
    let resumed = sync(&project, &[]).succeeds();
    assert!(resumed.stderr().contains("from the beginning, because it kept no bookmark"), "{}", resumed.stderr());
    assert_eq!(rows(&project), [1, 1, 1].map(|_| [1, 2, 3, 1, 2, 3].to_vec()));
}
