//! Records that pass in batches: what arrives, what is counted, and what is left of the files.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::project::{Project, Ran, kill_all, leftovers, signal, wait};

/// How many records a sync reads.
const COUNT: usize = 25_000;

const TAP: &str = "kind = 'extractor'\nlabel = 'Batch'\n[plugin]\nname = 'tap-batch-PLUGIN'\nnamespace = 'tap_batch'\n\
                   pip_url = './batch-plugins'\nexecutable = 'tap-batch'\n\
                   capabilities = ['batch', 'catalog', 'discover', 'state']\n";

const TARGET: &str = "kind = 'loader'\nlabel = 'Batch'\n[plugin]\nname = 'target-batch-PLUGIN'\nnamespace = 'target_batch'\n\
                      pip_url = './batch-plugins'\nexecutable = 'target-batch'\ncapabilities = ['batch']\n\
                      [[settings]]\nname = 'path'\n";

/// A project whose records pass in batches.
pub fn batched(things: &str) -> Project {
    let project = Project::new();
    project.add_package("taps/batch-plugins");
    // A changed plugin shares no installation with the one before.
    let source = include_bytes!("../../taps/batch-plugins/batch_plugins.py");
    let hash = &spile_core::digest::hash(source)[..8];
    project.write("connectors/batch.toml", &TAP.replace("PLUGIN", hash));
    project.write("connectors/batch-lines.toml", &TARGET.replace("PLUGIN", hash));
    project.write("integrations/lines.toml", "type = 'batch-lines'\nkind = 'loader'\n[config]\npath = 'output'\n");
    project.write("integrations/things.toml", &format!("type = 'batch'\nloader = 'lines'\n{things}"));
    project.write(
        "spile.toml",
        "[project]\nname = 'real'\n[run]\nenv = ['TAP_FAULT_NOTES']\n[sync]\nbatch = true\nretries = 0\n",
    );
    project.write("notes/x", "");
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

fn sync(project: &Project) -> Command {
    project.command_with_notes(&["sync", "things"])
}

fn synced(project: &Project) -> Ran {
    Ran(sync(project).output().unwrap())
}

fn arrived(project: &Project) -> Vec<Value> {
    let text = std::fs::read_to_string(project.path().join("output/things.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the files of batches.
fn files(project: &Project) -> Vec<PathBuf> {
    let runs = std::fs::read_dir(project.path().join(".spile/runs")).into_iter().flatten().flatten();
    let folders = runs.filter_map(|run| std::fs::read_dir(run.path().join("batches")).ok());
    folders.flatten().map(|file| file.unwrap().path()).collect()
}

#[test]
fn records_pass_in_batches_and_are_counted_and_no_file_is_left() {
    let project = batched("");
    for round in 1..=2 {
        synced(&project).succeeds();
        let run = project.newest_run();
        assert_eq!((&run["status"], &run["records"]), (&json!("ok"), &json!(COUNT)), "{run:#}");
        assert_eq!(run["bookmark_after"]["bookmarks"]["things"]["replication_key_value"], COUNT * round, "{run:#}");
        assert_eq!(arrived(&project).len(), COUNT * round);
        assert_eq!(leftovers(&project), Vec::<PathBuf>::new());
    }
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(!log.contains("pass one by one") && !log.contains("passed one by one"), "{log}");
}

#[test]
fn a_loader_that_fails_leaves_no_file() {
    let project = batched("");
    project.write("notes/fails", "");
    let ran = synced(&project).fails();
    assert!(ran.stdout().contains("the disk is full"), "{}", ran.stdout());
    assert_eq!((arrived(&project).len(), leftovers(&project)), (0, Vec::new()));
    std::fs::remove_file(project.path().join("notes/fails")).unwrap();
    synced(&project).succeeds();
    assert_eq!(arrived(&project).len(), COUNT, "nothing counted as loaded");
}

#[test]
fn the_files_of_a_killed_sync_are_removed_by_the_next_one() {
    use std::os::unix::fs::PermissionsExt;

    let project = batched("");
    project.write("notes/slow", "");
    let mut child = sync(&project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while files(&project).is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(2), "there is no batch");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let file = files(&project).remove(0);
    assert_eq!((mode(file.parent().unwrap()), mode(&file)), (0o700, 0o600));
    signal("-KILL", &child);
    wait(&mut child, Duration::from_secs(10));
    kill_all(&project);
    assert!(!files(&project).is_empty());
    std::fs::remove_file(project.path().join("notes/slow")).unwrap();
    synced(&project).succeeds();
    assert_eq!((files(&project), leftovers(&project)), (Vec::new(), Vec::new()));
    assert_eq!(arrived(&project).len(), COUNT);
}

#[test]
fn a_field_that_is_not_selected_reaches_no_loader() {
    let project = batched("select = ['things.*', '!things.phone']\n");
    let ran = synced(&project).fails();
    let why = "the extractor wrote `things.phone` into a batch, which is not selected";
    assert!(ran.stdout().contains(why), "{}", ran.stdout());
    assert_eq!((arrived(&project).len(), leftovers(&project)), (0, Vec::new()));
}

#[test]
fn a_pair_that_cannot_pass_batches_says_why() {
    let project = batched("");
    let tap = project.read("connectors/batch.toml");
    project.write("connectors/batch.toml", &tap.replace("'batch', ", ""));
    let why = "the definition of `batch` does not say that it writes batches";
    synced(&project).succeeds();
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(log.contains(&format!("records pass one by one, and not in batches: {why}")), "{log}");
    assert_eq!(project.newest_run()["records"], COUNT);
    let things = project.read("integrations/things.toml");
    project.write("integrations/things.toml", &format!("{things}batch = true\n"));
    let ran = project.spile(&["check"]).fails();
    assert!(ran.stderr().contains(&format!("`batch` cannot be used: {why}")), "{}", ran.stderr());
}
