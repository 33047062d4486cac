//! Streams side by side: several processes read the streams of one sync, and it is one run with one set of bookmarks.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::kills::{Dice, Victim, kill, number, wait_for_quiet};
use crate::project::{LOADER, Project, Ran, leftovers, processes_of};
use crate::supabase::hosted::HostedRows;
use crate::supabase::postgres::Postgres;

const STREAMS: [&str; 4] = ["a", "b", "c", "d"];

const TAP: &str = "kind = 'extractor'\nlabel = 'Beside'\nparallel = true\n[plugin]\nname = 'PLUGIN'\n\
                   namespace = 'tap_beside'\npip_url = './tap-beside'\nexecutable = 'tap-beside'\n\
                   capabilities = ['catalog', 'discover', 'state']\n";

/// Returns the name of the plugin. A changed tap is a new plugin, which shares no installation with the one before.
fn plugin() -> String {
    let source = include_bytes!("../../taps/tap-beside/tap_beside.py");
    format!("tap-beside-{}", &spile_core::digest::hash(source)[..8])
}

/// Returns the definition of the tap.
fn tap() -> String {
    TAP.replace("PLUGIN", &plugin())
}

/// A project whose four streams two processes read.
fn beside(more: &str) -> Project {
    let project = Project::new();
    project.add_package("taps/tap-beside");
    project.write("connectors/beside.toml", &tap());
    project.write("integrations/files.toml", LOADER);
    project.write("integrations/things.toml", &format!("type = 'beside'\nloader = 'files'\n{more}"));
    let settings =
        "[project]\nname = 'real'\n[run]\nenv = ['TAP_FAULT_NOTES']\n[sync]\njobs = 4\nstreams = 2\nretries = 0\n";
    project.write("spile.toml", settings);
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

fn log(project: &Project) -> String {
    project.spile(&["logs", "things"]).succeeds().stdout()
}

/// Returns the bookmarks in Meltano's database, by stream.
fn kept(project: &Project) -> Value {
    let database = project.path().join(".meltano/meltano.db");
    let id = format!("dev:{}--things-to-target-jsonl--files", plugin());
    let sql = format!("select completed_state from state where state_id = '{id}'");
    let Ok(connection) = rusqlite::Connection::open(database) else { return json!({}) };
    let Ok(state) = connection.query_row(&sql, [], |row| row.get::<_, String>(0)) else { return json!({}) };
    serde_json::from_str::<Value>(&state).unwrap()["singer_state"]["bookmarks"].clone()
}

fn last(bookmarks: &Value, stream: &str) -> i64 {
    bookmarks[stream]["last"].as_i64().unwrap_or_default()
}

/// Returns the numbers of the records that have arrived of a stream, in their order.
fn arrived(project: &Project, stream: &str) -> Vec<i64> {
    let text = std::fs::read_to_string(project.path().join(format!("output/{stream}.jsonl"))).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap()).collect()
}

fn all_at(last: i64) -> Value {
    json!(
        STREAMS
            .map(|stream| (stream.to_owned(), json!({ "last": last })))
            .into_iter()
            .collect::<serde_json::Map<_, _>>()
    )
}

/// Checks that every record up to the bookmark of its stream has arrived.
fn all_has_arrived(project: &Project) {
    for stream in STREAMS {
        let found: BTreeSet<i64> = arrived(project, stream).into_iter().collect();
        assert_eq!(found, (1..=last(&kept(project), stream)).collect(), "{stream}");
    }
}

#[test]
fn parts_are_one_run_whose_bookmarks_the_next_run_continues() {
    let project = beside("");
    for round in 1..=2 {
        synced(&project).succeeds();
        let run = project.newest_run();
        assert_eq!((&run["status"], &run["records"]), (&json!("ok"), &json!(20)), "{run:#}");
        assert_eq!(run["streams"], json!({ "a": 5, "b": 5, "c": 5, "d": 5 }));
        assert_eq!((&run["bookmark_after"]["bookmarks"], &kept(&project)), (&all_at(5 * round), &all_at(5 * round)));
        for stream in STREAMS {
            assert_eq!(arrived(&project, stream), (1..=5 * round).collect::<Vec<_>>());
        }
    }
    let log = log(&project);
    for part in ["part 1 of 2 reads `a`, `c`", "part 2 of 2 reads `b`, `d`", "\"spile_part\": \"1/2\", "] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let asked = project.read("notes/discovered").lines().count();
    assert_eq!(asked, 1, "the second run uses the catalog of the first");
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    // One process continues what several have read.
    project.write("spile.toml", &project.read("spile.toml").replace("streams = 2\n", ""));
    synced(&project).succeeds();
    assert_eq!(kept(&project), all_at(15));
    assert_eq!(project.read("notes/discovered").lines().count(), 1, "and uses the same catalog");
}

#[test]
fn a_part_that_fails_is_read_again_alone_and_the_others_go_on() {
    let project = beside("");
    project.write("notes/fails-b", "");
    synced(&project).succeeds();
    let bookmarks = kept(&project);
    assert_eq!((last(&bookmarks, "a"), last(&bookmarks, "b"), last(&bookmarks, "d")), (5, 7, 5), "{bookmarks}");
    assert_eq!(arrived(&project, "b").into_iter().collect::<BTreeSet<_>>(), (1..=7).collect());
    assert!(log(&project).contains("part 2 of 2 failed beside others, and is read again alone"));
}

#[test]
fn a_part_that_fails_for_good_fails_the_run_and_nothing_else() {
    let project = beside("");
    // Each attempt of the part fails in another of its streams.
    project.write("notes/fails-b", "");
    project.write("notes/fails-d", "");
    let ran = synced(&project).fails();
    let run = project.newest_run();
    let error = run["error"].as_str().unwrap();
    assert!(error.starts_with("part 2 of 2 (`b`, `d`): ") && error.contains("d cannot be read"), "{error}");
    assert!(!ran.stdout().contains("Traceback"), "{}", ran.stdout());
    let bookmarks = kept(&project);
    assert_eq!((last(&bookmarks, "a"), last(&bookmarks, "c")), (5, 5), "{bookmarks}");
    synced(&project).succeeds();
    all_has_arrived(&project);
}

#[test]
fn a_retry_reads_only_the_parts_that_failed() {
    let project = beside("");
    let settings = project.read("spile.toml").replace("retries = 0", "retries = 1\nretry_after = '0s'");
    project.write("spile.toml", &settings);
    for stream in ["b", "d"] {
        project.write(&format!("notes/fails-{stream}"), "Connection refused");
    }
    synced(&project).succeeds();
    let run = project.newest_run();
    assert_eq!((&run["status"], &run["attempts"]), (&json!("ok"), &json!(2)), "{run:#}");
    let began = |stream: &str| project.read(&format!("notes/began-{stream}")).lines().count();
    assert_eq!((began("a"), began("c")), (1, 1), "their part succeeded at once");
    all_has_arrived(&project);
}

#[test]
fn a_tap_that_ignores_the_selection_is_read_by_one_process() {
    let project = beside("");
    project.write("notes/heedless", "");
    project.write("notes/slow", "");
    synced(&project).succeeds();
    let log = log(&project);
    assert!(log.contains("one process reads all streams: part "), "{log}");
    assert!(log.contains("the extractor does not read only the streams that it is asked for"), "{log}");
    all_has_arrived(&project);
}

#[test]
fn bookmarks_that_cannot_be_divided_are_left_to_one_process() {
    let project = beside("");
    project.write("spile.toml", &project.read("spile.toml").replace("streams = 2\n", ""));
    project.write("notes/opaque", "");
    synced(&project).succeeds();
    project.write("spile.toml", &project.read("spile.toml").replace("jobs = 4\n", "jobs = 4\nstreams = 2\n"));
    synced(&project).succeeds();
    assert!(log(&project).contains("the bookmarks are in a form whose streams cannot be told apart"));
    assert_eq!(kept(&project), all_at(10));
    for stream in STREAMS {
        assert_eq!(arrived(&project, stream), (1..=10).collect::<Vec<_>>(), "nothing is read twice");
    }
}

#[test]
fn where_streams_cannot_be_divided_one_process_reads_them_and_the_log_says_why() {
    let project = beside("");
    for (from, to, why) in [
        ("parallel = true\n", "", "the definition of `beside` does not say that its streams are independent"),
        ("jobs = 4", "jobs = 1", "one run at a time is allowed"),
    ] {
        for path in ["connectors/beside.toml", "spile.toml"] {
            project.write(path, &project.read(path).replace(from, to));
        }
        synced(&project).succeeds();
        assert!(log(&project).contains(&format!("one process reads all streams: {why}")), "{}", log(&project));
        project.write("connectors/beside.toml", &tap());
    }
    project.write("integrations/files.toml", super::WAREHOUSE);
    project.write("integrations/things.toml", "type = 'beside'\nloader = 'files'\nstreams = 4\n");
    let ran = project.spile(&["check"]).fails();
    assert!(ran.stderr().contains("the loader `files` accepts one writer at a time (`duckdb`)"), "{}", ran.stderr());
}

#[test]
fn after_a_kill_at_any_moment_nothing_is_lost_and_only_the_unconfirmed_is_repeated() {
    let (kills, seed) = (number("SPILE_KILLS").unwrap_or(12), number("SPILE_SEED").unwrap_or(20_261_130));
    let mut dice = Dice(seed);
    let project = beside("");
    let victims = [Victim::Spile, Victim::Meltano, Victim::Tap, Victim::Target, Victim::Everything];
    let began = |stream: &str| {
        let text = std::fs::read_to_string(project.path().join(format!("notes/began-{stream}"))).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect::<Vec<i64>>()
    };
    let mut confirmed = json!({});
    for round in 0..kills {
        let (victim, after) = (victims[dice.index(5)], Duration::from_millis(dice.below(5_000)));
        let told = format!("seed {seed}, round {round}: {victim:?} after {after:?}");
        let before = STREAMS.map(|stream| began(stream).len());
        let mut child = sync(&project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        kill(&project, &mut child, victim);
        child.wait().unwrap();
        wait_for_quiet(&project, &told);
        let now = kept(&project);
        for (stream, before) in STREAMS.into_iter().zip(before) {
            let began = began(stream);
            if let Some(first) = began.get(before) {
                assert_eq!(*first, last(&confirmed, stream), "{told}: {stream} began elsewhere");
            }
            assert!(last(&now, stream) >= last(&confirmed, stream), "{told}: {stream} lost its bookmark: {now}");
            let found: BTreeSet<i64> = arrived_so_far(&project, stream);
            assert!((1..=last(&now, stream)).all(|id| found.contains(&id)), "{told}: {stream} lost records: {found:?}");
        }
        assert!(!project.path().join("notes/twice").exists(), "{told}: a stream was read twice at once");
        confirmed = now;
    }
    let last_run = synced(&project).succeeds();
    assert_eq!(processes_of(&project), Vec::<String>::new(), "{}", last_run.stderr());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    for stream in STREAMS {
        assert_eq!(arrived_so_far(&project, stream), (1..=last(&kept(&project), stream)).collect(), "{stream}");
    }
    let runs = project.json(&["runs", "-n", "1000"]);
    let running = runs["runs"].as_array().unwrap().iter().filter(|run| run["status"] == "running").count();
    assert_eq!(running, 0, "killed runs are not running any more");
}

/// Returns the numbers that have arrived, without a line that a kill has cut off.
fn arrived_so_far(project: &Project, stream: &str) -> BTreeSet<i64> {
    let text = std::fs::read_to_string(project.path().join(format!("output/{stream}.jsonl"))).unwrap_or_default();
    let id = |line: &str| serde_json::from_str::<Value>(line).ok()?["id"].as_i64();
    text.lines().filter_map(id).collect()
}

#[test]
fn parts_share_the_bookmarks_of_a_folder() {
    let project = beside("");
    let folder = project.path().join("bookmarks");
    let settings = project.read("spile.toml");
    project.write("spile.toml", &format!("{settings}[meltano]\nstate_backend = 'file://{}'\n", folder.display()));
    for round in 1..=2 {
        synced(&project).succeeds();
        let states: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|state| state.unwrap().path()).collect();
        assert_eq!(states.len(), 1, "parts have no state of their own: {states:?}");
        let state = std::fs::read_to_string(states[0].join("state.json")).unwrap();
        let state: Value = serde_json::from_str(&state).unwrap();
        assert_eq!(state["completed"]["singer_state"]["bookmarks"], all_at(5 * round), "{state}");
    }
}

#[test]
fn parts_share_the_bookmarks_in_a_hosted_registry() {
    let Some(hosted) = HostedRows::start() else { return };
    let project = beside("");
    let registry =
        "[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'\nrest_path = ''\n";
    project.write("spile.toml", &format!("{}{registry}", project.read("spile.toml")));
    let spile = |mut command: Command| {
        command.env("SUPABASE_URL", &hosted.database.url);
        Ran(command.env("SUPABASE_SECRET_KEY", hosted.database.key("service_role")).output().unwrap()).succeeds()
    };
    spile(project.command(&["apply", "--yes"]));
    for round in 1..=2 {
        spile(sync(&project));
        let state = hosted.database.sql("select state from integration_states");
        let state: Value = serde_json::from_str(&state).unwrap();
        assert_eq!(state["completed"]["singer_state"]["bookmarks"], all_at(5 * round), "{state}");
    }
    for stream in STREAMS {
        assert_eq!(arrived(&project, stream), (1..=10).collect::<Vec<_>>());
    }
}

#[test]
fn tables_of_postgres_arrive_whole_and_the_second_sync_reads_only_what_is_new() {
    const TABLES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let Some(server) = Postgres::shared() else { return };
    server.sql("postgres", "create database beside").unwrap();
    server.sql("beside", "grant create on database beside to shop").unwrap();
    for (at, table) in TABLES.iter().enumerate() {
        let sql = format!(
            "create table {table}(id bigint primary key, updated_at timestamptz not null); \
             insert into {table} select g, '2026-01-01'::timestamptz + g * interval '1 minute' \
             from generate_series(1, {}) g; grant select on {table} to shop",
            (at + 1) * 500
        );
        server.sql("beside", &sql).unwrap();
    }
    let project = crate::project::with_sources();
    project.write("integrations/files.toml", LOADER);
    project.write("spile.toml", "[project]\nname = 'real'\n[sync]\njobs = 4\nretries = 0\n");
    let text = format!(
        "type = 'postgres'\nloader = 'files'\nstreams = 2\nselect = ['public-*.*']\n\n\
         [config]\nhost = '127.0.0.1'\nport = {}\nuser = 'shop'\ndatabase = 'beside'\nfilter_schemas = ['public']\n\n\
         [metadata.\"public-*\"]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n",
        server.port
    );
    project.write("integrations/shop.toml", &text);
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "shop", "password", "--stdin"], "hunter2").succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    let counts: serde_json::Map<String, Value> =
        TABLES.iter().enumerate().map(|(at, table)| (format!("public-{table}"), json!((at + 1) * 500))).collect();
    let run = project.newest_run();
    assert_eq!(run["streams"], Value::Object(counts), "{run:#}");
    assert_eq!(run["bookmark_after"]["bookmarks"].as_object().map(serde_json::Map::len), Some(5), "{run:#}");
    for (at, table) in TABLES.iter().enumerate() {
        let ids: BTreeSet<i64> = arrived(&project, &format!("public-{table}")).into_iter().collect();
        assert_eq!(ids.len(), (at + 1) * 500, "{table}");
        server.sql("beside", &format!("insert into {table} values (9000, '2026-06-01')")).unwrap();
    }
    project.spile(&["sync", "shop"]).succeeds();
    let run = project.newest_run();
    assert!(run["records"].as_u64().unwrap() < 20, "only what is new: {run:#}");
    let log = project.spile(&["logs", "shop"]).succeeds().stdout();
    assert!(log.contains("part 1 of 2 reads"), "{log:.600}");
    assert!(arrived(&project, "public-e").contains(&9000));
}
