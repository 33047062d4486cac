//! New tables and columns arrive, selections that match nothing are reported, and rows are counted in the destination.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::project::{FAULT, FRUIT, LOADER, Project, Ran};

/// A project whose source offers what a file says; its records go to JSON Lines.
pub(super) struct Source {
    pub(super) project: Project,
}

impl Source {
    pub(super) fn new(select: &str) -> Self {
        let source = Self { project: Project::new() };
        source.project.add_fault("source");
        source.settings("");
        source.select(select);
        source.offers(&json!({ "orders": { "fields": ["id"], "records": 5 } }));
        source
    }

    pub(super) fn settings(&self, sync: &str) {
        self.project.write("spile.toml", &format!("{FAULT}[sync]\nretries = 0\n{sync}\n"));
    }

    fn select(&self, select: &str) {
        let things = crate::project::things("source");
        self.project
            .write("integrations/things.toml", &things.replace("[config]", &format!("select = {select}\n[config]")));
    }

    pub(super) fn offers(&self, streams: &Value) {
        self.project.write("notes/streams.json", &streams.to_string());
    }

    fn note(&self, name: &str) {
        self.project.write(&format!("notes/{name}"), "");
    }

    pub(super) fn runs(&self, words: &[&str]) -> Ran {
        let notes = self.project.path().join("notes");
        Ran(self.project.command(words).env("TAP_FAULT_NOTES", notes).output().unwrap())
    }

    /// Syncs into an empty destination, and returns the exit code and the run.
    fn syncs(&self) -> (i32, Value) {
        let _ = std::fs::remove_dir_all(self.project.path().join("output"));
        let Ran(output) = self.runs(&["sync", "things", "--format", "json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code().unwrap(), said["runs"][0].clone())
    }

    /// Returns the rows of a stream that arrived.
    fn rows(&self, stream: &str) -> Vec<Value> {
        let path = self.project.path().join(format!("output/{stream}.jsonl"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns how often the tap ran a discovery.
    fn asked(&self) -> usize {
        self.project.read("notes/asked").lines().count()
    }
}

const GROWN: &str =
    r#"{ "orders": { "fields": ["id", "reason"], "records": 5 }, "refunds": { "fields": ["id"], "records": 2 } }"#;

pub(super) fn grown() -> Value {
    serde_json::from_str(GROWN).unwrap()
}

#[test]
fn a_new_column_and_a_new_table_arrive_once_they_are_selected() {
    let source = Source::new("['orders.*']");
    assert_eq!((source.syncs().0, source.rows("orders")[4].clone()), (0, json!({ "id": 4 })));
    source.offers(&grown());
    source.syncs();
    assert_eq!((source.rows("orders")[0].clone(), source.asked()), (json!({ "id": 0 }), 1), "the catalog is young");
    source.runs(&["discover", "things", "--refresh"]).succeeds();
    source.syncs();
    assert_eq!((source.rows("orders")[0].clone(), source.asked()), (json!({ "id": 0, "reason": "reason 0" }), 3));
    // A table that is newer than the catalog, and is now selected.
    source.offers(&json!({ "orders": grown()["orders"], "refunds": grown()["refunds"], "new": grown()["refunds"] }));
    source.select("['orders.*', 'refunds.*', 'new.*']");
    let (code, run) = source.syncs();
    assert_eq!((code, &run["status"]), (0, &json!("ok")), "{run}");
    assert_eq!((source.rows("orders").len(), source.rows("refunds").len(), source.rows("new").len()), (5, 2, 2));
    assert_eq!((&run["records"], source.asked()), (&json!(9), 4));
    source.syncs();
    source.runs(&["test", "things"]).succeeds();
    assert_eq!(source.asked(), 4, "and it is asked no more often than that");
}

#[test]
fn a_catalog_is_as_old_as_the_project_says() {
    let source = Source::new("['orders.*']");
    source.syncs();
    let used = ".spile/catalogs/things.dev.used.json";
    let old = |hours: u64| {
        let mut said: Value = serde_json::from_str(&source.project.read(used)).unwrap();
        let at = std::time::SystemTime::now() - Duration::from_hours(hours);
        said["discovered_at"] = json!(jiff::Timestamp::try_from(at).unwrap());
        std::fs::write(source.project.path().join(used), said.to_string()).unwrap();
    };
    let mut asked = 1;
    for (age, hours, is_renewed) in
        [("", 23, false), ("", 25, true), ("kept", 900, false), ("12h", 13, true), ("always", 0, true)]
    {
        source.settings(&if age.is_empty() { String::new() } else { format!("catalog = '{age}'") });
        old(hours);
        source.syncs();
        asked += usize::from(is_renewed);
        assert_eq!(source.asked(), asked, "{age}, {hours} h");
    }
}

#[test]
fn a_stream_that_the_source_does_not_offer_is_a_warning_or_a_failure() {
    let source = Source::new("['orders.*', 'refunds.*', 'gone-*.*', '!others.*']");
    let (code, run) = source.syncs();
    assert_eq!((code, &run["status"], &run["cause"]), (0, &json!("warning"), &json!("missing_stream")), "{run}");
    let told = "the files use `refunds`, `gone-*`, which the source does not offer";
    assert_eq!((&run["error"], source.rows("orders").len()), (&json!(told), 5));
    let status = source.project.json(&["status"]);
    assert_eq!(status["integrations"].as_array().unwrap().iter().filter(|one| one["status"] == "error").count(), 0);
    let shown = source.runs(&["sync", "things"]).succeeds();
    assert!(shown.stdout().contains("warning") && shown.stderr().contains("Warning things: "), "{}", shown.stderr());
    let report = source.runs(&["sync", "things", "--format", "junit"]).succeeds().stdout();
    assert!(report.contains("failures=\"0\"") && report.contains("warning: the files use"), "{report}");
    source.settings("missing_stream = 'fail'");
    let (code, run) = source.syncs();
    assert_eq!((code, &run["status"], &run["cause"]), (1, &json!("failed"), &json!("missing_stream")), "{run}");
    assert_eq!(run["mend"]["line"], 4, "{run}");
    // A test of it gets no record for the same reason.
    source.select("['refunds.*']");
    let told = source.runs(&["test", "things"]).fails().stdout();
    assert!(
        told.contains("no records were read: the files use `refunds`") && told.contains("missing_stream"),
        "{told}"
    );
}

#[test]
fn a_source_that_cannot_be_discovered_is_read_with_its_last_catalog_and_a_warning() {
    let source = Source::new("['orders.*']");
    source.settings("catalog = 'always'");
    source.syncs();
    source.note("down");
    let (code, run) = source.syncs();
    assert_eq!((code, &run["status"], &run["cause"]), (0, &json!("warning"), &json!("old_catalog")), "{run}");
    assert!(run["error"].as_str().unwrap().ends_with("ConnectionError: the source is down"), "{run}");
    assert_eq!(source.rows("orders").len(), 5);
    source.settings("catalog = 'always'\nfailed_discovery = 'fail'");
    let (code, run) = source.syncs();
    assert_eq!((code, &run["status"], source.rows("orders").len()), (1, &json!("failed"), 0), "{run}");
    let other = Source::new("['orders.*']");
    other.note("down");
    assert_eq!(other.syncs().0, 1, "there is no catalog yet");
}

#[test]
fn a_tap_that_reads_what_is_not_selected_fails() {
    let source = Source::new("['orders.*']");
    source.offers(&grown());
    assert_eq!((source.syncs().0, source.rows("refunds").len()), (0, 0));
    source.note("heedless");
    let (code, run) = source.syncs();
    assert_eq!((code, &run["status"], &run["cause"]), (1, &json!("failed"), &json!("unselected")), "{run}");
    assert_eq!(run["error"], "the tap ignores `select` and also read `refunds`");
}

/// Spile applies rules faster than Meltano; both must produce the same catalogs, even from odd ones.
#[test]
fn the_faster_rules_produce_the_same_catalog_as_meltanos_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = crate::project::seed().join(".spile/meltano/bin/python");
    let mut command = std::process::Command::new(python);
    command
        .arg(root.join("tests/it/real/walk.py"))
        .arg(root.join("crates/spile-world/src/processes/meltano/launch.py"))
        .args(["1", "1000"]);
    let said = Ran(command.output().unwrap()).succeeds().stdout();
    assert!(said.starts_with("1000 catalogs, "), "{said}");
}

/// The tap writes it as one line of more than 10 MiB, on which Meltano alone would hang forever.
#[test]
fn a_catalog_of_5000_streams_in_one_line_is_read() {
    let source = Source::new("['s17.*']");
    let fields: Vec<String> = (0..20).map(|number| format!("field_{number}")).collect();
    let stream = json!({ "fields": fields, "records": 3 });
    let many: Value = (0..5000).map(|number| (format!("s{number}"), stream.clone())).collect();
    source.offers(&many);
    let (code, run) = source.syncs();
    assert_eq!((code, source.rows("s17").len()), (0, 3), "{run}");
}

/// Pieces of fruit, in a folder that no longer exists the next time.
#[test]
fn a_sync_that_stops_finding_records_is_reported_with_the_likely_reason() {
    let project = Project::new();
    project.add_fault("well");
    let fruit = include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl");
    project.write("data/fruit.singer.jsonl", fruit);
    project.write("integrations/fruit.toml", FRUIT);
    project.write("integrations/files.toml", LOADER);
    project.spile(&["sync", "fruit"]).succeeds();
    project.write("integrations/fruit.toml", &FRUIT.replace("['data']", "['dat']"));
    project.spile(&["sync", "fruit"]).succeeds();
    let run = project.newest_run();
    assert_eq!((&run["status"], &run["cause"], &run["records"]), (&json!("warning"), &json!("empty"), &json!(0)));
    let told =
        "no records arrived, but the last sync with records moved 3: `local.folders` is `dat`, which does not exist";
    assert_eq!(run["error"], told);
    let said = project.spile(&["test", "fruit"]).fails().stdout();
    assert!(said.contains("no records were read: `local.folders` is `dat`, which does not exist"), "{said}");
    assert!(said.contains("empty") && !said.contains("select"), "{said}");
    project.write("spile.toml", "[project]\nname = 'real'\n[sync]\nempty = 'fail'\n");
    project.spile(&["sync", "fruit"]).fails();
    project.write("spile.toml", "[project]\nname = 'real'\n[sync]\nempty = 'ok'\n");
    project.spile(&["sync", "fruit"]).succeeds();
    assert_eq!(project.newest_run()["status"], "ok");
    assert_eq!(project.read("output/fruit.jsonl").lines().count(), 3);
}
