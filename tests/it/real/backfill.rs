//! Backfills: a range is read in pieces, whatever kills them, and the live pipeline does not notice.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::kills::wait_for_quiet;
use super::loaders::{postgres, shop_by_change, with_loaders};
use crate::cli::schemas::holds;
use crate::project::{CONNECTOR, Project, Ran};
use crate::supabase::postgres::Postgres;

/// The hours from 1970 to the beginning of 2026.
const HOURS_2026: i64 = 490_896;

/// The hours of the backfill: ten days.
const HOURS: i64 = 240;

/// Reads ten days of January 2026, a day at a time.
const BACKFILL: [&str; 8] = ["sync", "things", "--from", "2026-01-01", "--to", "2026-01-11", "--step", "1d"];

/// The integration of a tap that reads a record for each hour.
fn things() -> String {
    format!("{}start_date = 2026-06-01\n", crate::project::things("hours"))
}

fn command(project: &Project, words: &[&str]) -> Command {
    let mut command = project.command_with_notes(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn spile(project: &Project, words: &[&str]) -> Ran {
    Ran(command(project, words).output().unwrap())
}

/// A project whose tap reads into the loader `files`, which has this text.
fn project(loader: &str) -> Project {
    let project = Project::new();
    project.add_fault("hours");
    project.write("notes/x", "");
    project.write("integrations/things.toml", &things());
    project.write("integrations/files.toml", loader);
    project
}

/// The ranges of hours that the tap was asked for, in order.
fn asked_for(project: &Project) -> Vec<String> {
    let notes = std::fs::read_to_string(project.path().join("notes/hours")).unwrap_or_default();
    notes.lines().map(str::to_owned).collect()
}

fn day(number: i64) -> String {
    format!("{} {}", HOURS_2026 + 24 * number, HOURS_2026 + 24 * (number + 1))
}

/// The states in Meltano's database, by their ids.
fn states(project: &Project) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(project.path().join(".meltano/meltano.db")).unwrap();
    let mut statement = connection.prepare("select state_id, completed_state from state order by state_id").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_backfill_that_is_killed_five_times_ends_with_exactly_the_rows_of_its_range() {
    let Some(server) = Postgres::shared() else { return };
    server.sql("postgres", "create database backfill").unwrap();
    server.sql("backfill", "grant create on database backfill to shop").unwrap();
    drop(with_loaders());
    let project = project(&postgres(server.port, "backfill"));
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "files", "password", "--stdin"], "hunter2").succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    spile(&project, &["sync", "things"]).succeeds();
    let live = states(&project);
    assert_eq!(live.len(), 1, "{live:?}");
    let last_live = project.newest_run();
    let status = |project: &Project| project.json(&["status"])["integrations"][0].clone();
    let before = status(&project);

    for round in 0..5 {
        let begun = asked_for(&project).len();
        let mut child = command(&project, &BACKFILL).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        // The first piece of this round is finished, and the second one is being read.
        while asked_for(&project).len() < begun + 2 {
            assert!(started.elapsed() < Duration::from_mins(2), "round {round}: {:?}", asked_for(&project));
            assert!(child.try_wait().unwrap().is_none(), "round {round}: it has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(40 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for_quiet(&project, &format!("round {round}"));
    }
    let planned = spile(&project, &[&BACKFILL[..], &["--dry-run", "--format", "json"]].concat()).succeeds();
    let planned: Value = serde_json::from_str(&planned.stdout()).unwrap();
    holds("backfill", &planned);
    let pieces = planned["would_backfill"][0]["pieces"].as_array().unwrap();
    let done = pieces.iter().filter(|piece| !piece["done"].is_null()).count();
    assert_eq!((pieces.len(), done), (10, 5), "{planned:#}");
    assert_eq!(planned["would_backfill"][0]["unfinished"]["from"], "2026-01-06T00:00:00Z");

    let ran = spile(&project, &BACKFILL).succeeds();
    let said = ran.stderr();
    assert!(said.contains("in 10 pieces, 5 of them done before; reads 2026-01-06T00:00:00Z to"), "{said}");
    assert!(said.contains("Backfilling `things`, piece 6 of 10"), "{said}");
    let rows = server
        .sql("backfill", "select count(*), count(distinct id), min(id), max(id) from raw.things where id < 494000");
    assert_eq!(rows.unwrap(), format!("{HOURS}|{HOURS}|{HOURS_2026}|{}", HOURS_2026 + HOURS - 1));

    // Every piece was read in order, and only those that a kill broke off were read twice.
    let mut wanted = Vec::new();
    for number in 0..10 {
        wanted.push(day(number));
        if (1..=5).contains(&number) {
            wanted.push(day(number));
        }
    }
    assert_eq!(asked_for(&project)[1..], wanted);

    // The live pipeline has not noticed.
    let now = states(&project);
    let own: Vec<_> = now.iter().filter(|(id, _)| !id.ends_with(":backfill")).cloned().collect();
    assert_eq!(own, live);
    assert_eq!(now.len(), 2, "{now:?}");
    assert_eq!(status(&project), before);
    let kept = project.json(&["state", "export", "things"])["states"][0].clone();
    assert_eq!(kept["state_id"], last_live["state_id"], "its bookmarks are not those of a piece: {kept:#}");
    holds("runs", &project.json(&["runs"]));
    let piece = project.newest_run();
    assert_eq!(piece["details"]["range"]["from"], "2026-01-10T00:00:00Z", "{piece:#}");
    assert_eq!(piece["state_id"], format!("{}:backfill", last_live["state_id"].as_str().unwrap()));
    let shown = project.spile(&["runs", "show", piece["id"].as_str().unwrap()]).succeeds().stdout();
    assert!(shown.contains("2026-01-10T00:00:00Z to 2026-01-11T00:00:00Z"), "{shown}");

    // All is done, so nothing is read; the next live sync goes on from its own bookmark.
    let count = asked_for(&project).len();
    let again = spile(&project, &BACKFILL).succeeds();
    assert!(again.stderr().contains("has been read already; add `--again` to read it again"), "{}", again.stderr());
    assert_eq!(asked_for(&project).len(), count);
    spile(&project, &["sync", "things"]).succeeds();
    let run = project.newest_run();
    assert_eq!(run["bookmark_before"], last_live["bookmark_after"], "{run:#}");
    // What counts rows may outlive a run for a moment.
    wait_for_quiet(&project, "after the last sync");
}

#[test]
fn a_tap_without_an_end_reads_on_only_if_that_is_agreed_to() {
    let project = project(crate::project::LOADER);
    project.write("connectors/fault.toml", CONNECTOR.split("[range]").next().unwrap());
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = spile(&project, &BACKFILL).fails();
    let said = ran.stderr();
    assert!(said.contains("reads everything since 2026-01-01T00:00:00Z, also what is later than"), "{said}");
    assert!(said.contains("nothing was read") && said.contains("`--yes`"), "{said}");
    assert_eq!(asked_for(&project), Vec::<String>::new());
    spile(&project, &[&BACKFILL[..], &["--yes"]].concat()).succeeds();
    assert_eq!(asked_for(&project), [format!("{HOURS_2026} {}", HOURS_2026 + 3)]);
    let range = project.newest_run()["details"]["range"].clone();
    assert!(range["from"] == "2026-01-01T00:00:00Z" && range["to"].as_str().unwrap() > "2026-01-11", "{range}");
    let again = spile(&project, &[&BACKFILL[..], &["--again", "--yes"]].concat()).succeeds();
    assert_eq!(asked_for(&project).len(), 2, "{}", again.stderr());
}

#[test]
fn a_range_that_cannot_be_read_is_refused_before_anything_runs() {
    let project = project(crate::project::LOADER);
    let refused = |words: &[&str]| {
        let ran = spile(&project, &[&["sync", "things"], words].concat()).fails();
        format!("{}{}", ran.stdout(), ran.stderr())
    };
    let text = refused(&["--from", "2026-01-02", "--to", "2026-01-02"]);
    assert!(text.contains("the range from 2026-01-02T00:00:00Z to 2026-01-02T00:00:00Z is empty"), "{text}");
    let text = refused(&["--from", "2026-01-02", "--to", "9000-01-01", "--step", "1d"]);
    assert!(text.contains("the range ends in the future"), "{text}");
    let text = refused(&["--from", "1990-01-01", "--to", "2026-01-01", "--step", "1h"]);
    assert!(text.contains("in 315576 pieces, and 10000 are allowed"), "{text}");
    project.write("integrations/files.toml", &format!("{}load_method = 'overwrite'\n", postgres(1, "d")));
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "files", "password", "--stdin"], "hunter2").succeeds();
    let text = refused(&["--from", "2026-01-01", "--to", "2026-01-02"]);
    assert!(text.contains("has the loader `files`, which empties its tables before each run"), "{text}");
    let text = refused(&["--since", "2026-01-01"]);
    assert!(text.contains("has the loader `files`, which empties its tables before each run"), "{text}");
    let alone = spile(&project, &["sync", "--from", "2026-01-01", "--to", "2026-01-02"]);
    assert_eq!(alone.0.status.code(), Some(64), "a backfill names its integrations: {}", alone.stderr());
    assert_eq!(asked_for(&project), Vec::<String>::new());
}

/// Orders of ten days of January, one an hour, and of a day in February; and a table without a replication key.
const ORDERS: &str = "
    create table orders(id bigint primary key, updated_at timestamptz not null);
    insert into orders select g, '2026-01-01T00:00:00Z'::timestamptz + g * interval '1 hour' from generate_series(0, 239) g;
    insert into orders select g, '2026-02-01T00:00:00Z'::timestamptz + g * interval '1 hour' from generate_series(240, 263) g;
    create table notes(id bigint primary key, text text);
    insert into notes select g, 'n' from generate_series(1, 20) g;
    grant select on orders, notes to shop;";

#[test]
fn a_backfill_of_a_database_reads_exactly_the_rows_of_its_range() {
    let Some(server) = Postgres::shared() else { return };
    let database = "backfill_by_key";
    let project = shop_by_change(server, database, ORDERS, "'public-orders.*', 'public-notes.*'");
    project.spile(&["apply", "--yes"]).succeeds();
    let backfill =
        ["sync", "shop", "--from", "2026-01-03", "--to", "2026-01-06", "--step", "1d", "--stream", "public-orders"];
    let refused = project.spile(&backfill).fails();
    assert!(refused.stderr().contains("run `spile discover shop` and try again"), "{}", refused.stderr());
    project.spile(&["sync", "shop"]).succeeds();
    project.spile(&["discover", "shop"]).succeeds();
    let live = states(&project);
    let refused = project.spile(&backfill[..8]).fails();
    assert!(refused.stderr().contains("has no replication key for `public-notes`"), "{}", refused.stderr());

    // What the range had is gone from the destination, and comes back; nothing else does.
    server.sql(database, "delete from raw.orders").unwrap();
    let ran = project.spile(&backfill).succeeds();
    assert!(ran.stderr().contains("in 3 pieces"), "{}", ran.stderr());
    let rows = server.sql(database, "select count(*), min(id), max(id) from raw.orders").unwrap();
    assert_eq!(rows, "72|48|119");
    let runs = project.json(&["runs"])["runs"].as_array().unwrap().clone();
    let read: Vec<u64> = runs[..3].iter().map(|run| run["streams"]["public-orders"].as_u64().unwrap()).collect();
    assert_eq!(read, [24, 24, 24], "{runs:#?}");
    let now = states(&project);
    assert_eq!(now.iter().filter(|(id, _)| !id.ends_with(":backfill")).cloned().collect::<Vec<_>>(), live);
    project.spile(&["sync", "shop", "--stream", "public-orders"]).succeeds();
    assert_eq!(project.newest_run()["streams"]["public-orders"], 1, "it continues where it was");
}
