//! Records on their way from the tap to the loader, through spile's relay and through Meltano's own copying: what arrives
//! is the same, and so is how a run ends.

use serde_json::{Value, json};

use crate::project::{Project, Ran};

/// The two ways, by the settings of the project: these tests choose it themselves, whatever the suite is run with.
const WAYS: [&str; 2] = ["[sync]\nrelay = true\n", "[sync]\nrelay = false\n"];

const TAP: &str = "kind = 'extractor'\nlabel = 'Raw'\n[plugin]\nname = 'tap-raw'\nnamespace = 'tap_raw'\n\
                   pip_url = './raw-plugins'\nexecutable = 'tap-raw'\ncapabilities = ['discover', 'state']\n";

const TARGET: &str = "kind = 'loader'\nlabel = 'Raw'\n[plugin]\nname = 'target-raw'\nnamespace = 'target_raw'\n\
                      pip_url = './raw-plugins'\nexecutable = 'target-raw'\n";

/// A project whose tap writes the file `sent`, and whose loader writes `received`.
fn raw() -> Project {
    let project = Project::new();
    project.add_package("taps/raw-plugins");
    project.write("connectors/raw.toml", TAP);
    project.write("connectors/raw-file.toml", TARGET);
    project.write("integrations/file.toml", "type = 'raw-file'\nkind = 'loader'\n");
    project.write("integrations/things.toml", "type = 'raw'\nloader = 'file'\n");
    go(&project, WAYS[0]);
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// Takes a way.
fn go(project: &Project, way: &str) {
    project.write("spile.toml", &format!("[project]\nname = 'real'\n[run]\nenv = ['RAW_PLUGINS']\n{way}"));
}

fn sync(project: &Project, more: &[&str]) -> Ran {
    let words = [&["sync", "things", "--retries", "0"], more].concat();
    Ran(project.command(&words).env("RAW_PLUGINS", project.path()).output().unwrap())
}

fn record(stream: &str, id: usize) -> String {
    format!("{{\"type\": \"RECORD\", \"stream\": \"{stream}\", \"record\": {{\"id\": {id}}}}}\n")
}

fn records(count: usize) -> String {
    let schema = "{\"type\": \"SCHEMA\", \"stream\": \"a\", \"schema\": {}, \"key_properties\": []}\n";
    (0..count).map(|id| record("a", id)).fold(schema.to_owned(), |all, one| all + &one)
}

#[test]
fn every_byte_arrives_and_every_record_is_counted_both_ways() {
    let project = raw();
    let mut sent = records(300).into_bytes();
    sent.extend_from_slice(b"{\"stream\": \"b\", \"record\": {\"t\": \"\xff\x00\"}, \"type\": \"RECORD\"}\r\n\n");
    sent.extend_from_slice(b"{\"stream\": \"b\", \"record\": {\"t\": \"x\"}, \"type\": \"RECORD\"}\n");
    sent.extend_from_slice(
        format!("{{\"type\": \"RECORD\", \"stream\": \"c\", \"record\": {{\"t\": \"{}\"}}}}\n", "x".repeat(4 << 20))
            .as_bytes(),
    );
    sent.extend_from_slice(record("a", 7).trim_end().as_bytes());
    std::fs::write(project.path().join("sent"), &sent).unwrap();
    let mut counted = Vec::new();
    for way in WAYS {
        go(&project, way);
        let ran = sync(&project, &[]).succeeds();
        assert!(std::fs::read(project.path().join("received")).unwrap() == sent, "{way}: {}", ran.stdout());
        counted.push(project.newest_run()["streams"].clone());
    }
    // Invalid UTF-8 is no JSON, so that line is not counted.
    assert_eq!(counted[0], json!({ "a": 301, "b": 1, "c": 1 }));
    assert_eq!(counted[0], counted[1]);
    assert!(!project.path().join("discovered").exists(), "the tap would not get what it discovers");
}

#[test]
fn the_loader_ends_after_the_tap_whose_failure_counts_although_its_output_was_complete() {
    let project = raw();
    project.write("sent", &record("a", 1));
    project.write("end", "drain");
    for way in WAYS {
        go(&project, way);
        project.write("lingers", "0");
        sync(&project, &[]).succeeds();
        project.write("lingers", "3");
        sync(&project, &[]).fails();
        let run = project.newest_run();
        let error = run["error"].as_str().unwrap();
        assert!(!error.contains("loader"), "{way}: {run:#}");
    }
}

#[test]
fn a_record_of_sixty_megabytes_passes_the_relay_and_is_too_long_for_meltano() {
    let project = raw();
    let long =
        format!("{{\"type\": \"RECORD\", \"stream\": \"a\", \"record\": {{\"t\": \"{}\"}}}}\n", "x".repeat(60 << 20));
    project.write("sent", &(records(3) + &long + &records(3)));
    sync(&project, &[]).succeeds();
    assert_eq!(project.newest_run()["records"], 7);
    assert_eq!(
        project.path().join("received").metadata().unwrap().len(),
        project.path().join("sent").metadata().unwrap().len()
    );
    go(&project, WAYS[1]);
    sync(&project, &[]).fails();
    let run = project.newest_run();
    assert!(run["error"].as_str().unwrap().contains("elt.buffer_size"), "{run:#}");
}

#[test]
fn the_end_of_a_loader_is_the_cause_of_a_failure_both_ways() {
    let project = raw();
    project.write("sent", &records(5_000));
    let early = "the loader ended with exit code 0 before it had read everything that the extractor sent";
    for way in WAYS {
        go(&project, way);
        for (end, cause, said) in [
            ("1000 kill", "killed", "the loader was killed (signal 9)"),
            ("1000 raise", "crash", "the loader failed: RuntimeError: the table is read-only"),
            ("1000 3", "crash", "the loader exited with code 3 without an error message"),
            ("1000 0", "crash", early),
        ] {
            project.write("end", end);
            for endless in [false, true] {
                let note = project.path().join("endless");
                if endless {
                    std::fs::write(&note, "").unwrap();
                }
                sync(&project, &[]).fails();
                let run = project.newest_run();
                let error = run["error"].as_str().unwrap();
                let context = format!("{way} {end} {endless}: {run:#}");
                assert!(error.starts_with(said), "{context}");
                assert_eq!((&run["cause"], &run["details"]["failed"]), (&json!(cause), &json!("loader")), "{context}");
                drop(std::fs::remove_file(note));
            }
        }
    }
}

#[test]
fn a_run_says_what_it_took_and_which_side_was_slower() {
    let project = raw();
    // More than the pipes hold.
    project.write("sent", &records(100_000));
    let shown = |slower: &str| {
        sync(&project, &[]).succeeds();
        let run = project.newest_run();
        let shown = project.spile(&["runs", "show", "things"]).succeeds().stdout();
        assert!(shown.contains(&format!("the {slower} was the slower side")), "{run:#}\n{shown}");
        let usage = &run["details"]["usage"];
        for plugin in ["tap-raw--things", "target-raw--file"] {
            let bytes = usage[plugin]["peak_bytes"].as_u64();
            assert!(usage[plugin]["cpu_ms"].as_u64().unwrap() > 0, "{usage:#}");
            // A Python interpreter, and not Meltano's.
            assert!(!cfg!(target_os = "linux") || (2 << 20..60 << 20).contains(&bytes.unwrap()), "{usage:#}");
        }
        run["details"]["transfer"].clone()
    };
    project.write("end", "10 sleep");
    let transfer = shown("loader");
    assert!(transfer["waited_for_loader_ms"].as_u64().unwrap() > 2_000, "{transfer:#}");
    let sent = project.path().join("sent").metadata().unwrap().len();
    assert_eq!(transfer["bytes"], sent);
    std::fs::remove_file(project.path().join("end")).unwrap();
    project.write("slow", "");
    let transfer = shown("extractor");
    assert!(transfer["waited_for_extractor_ms"].as_u64().unwrap() > 2_000, "{transfer:#}");
    let stats: Value =
        serde_json::from_str(&project.spile(&["runs", "--stats", "--format", "json"]).succeeds().stdout()).unwrap();
    let stats = &stats["stats"][0];
    assert_eq!((&stats["slower"], &stats["bytes"]), (&json!("extractor"), &json!(2 * sent + 1)), "{stats:#}");
    assert!(stats["records_per_second"].as_f64().unwrap() > 1_000.0, "{stats:#}");
    // Meltano's copying measures nothing.
    go(&project, WAYS[1]);
    sync(&project, &[]).succeeds();
    let details = project.newest_run()["details"].clone();
    assert!(details["transfer"].is_null() && details["usage"]["tap-raw--things"]["cpu_ms"].is_u64(), "{details:#}");
}

#[test]
fn ten_thousand_bookmarks_are_stored_at_most_once_a_second_and_the_last_one_always() {
    let project = raw();
    let state =
        |id: usize| format!("{{\"type\": \"STATE\", \"value\": {{\"bookmarks\": {{\"a\": {{\"last\": {id}}}}}}}}}\n");
    let sent = (0..10_000).map(|id| record("a", id) + &state(id)).collect::<String>();
    project.write("sent", &sent);
    for way in WAYS {
        go(&project, way);
        sync(&project, &[]).succeeds();
        let run = project.newest_run();
        assert_eq!(run["bookmark_after"]["bookmarks"]["a"]["last"], 9_999, "{way}: {run:#}");
        let log = project.spile(&["logs", "things"]).succeeds().stdout();
        let stored = log.matches("Incremental state has been updated").count();
        assert!((1..=20).contains(&stored), "{way}: {stored} times");
        let kept: Value = project.json(&["state", "show", "things"]);
        assert!(kept.to_string().contains("9999"), "{way}: {kept:#}");
    }
}
