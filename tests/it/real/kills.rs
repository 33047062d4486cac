//! Kills at random moments: of spile, Meltano, the tap, the target, and all of them. The next sync resumes from the
//! right bookmark, nothing runs twice at once, and no leftovers stay.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::{Project, Ran, leftovers, processes_of, things, wait_for_the_tap};

/// The default number of kills; CI sets `SPILE_KILLS=200`.
const KILLS: u32 = 12;

/// The default seed; set `SPILE_SEED` for another.
const SEED: u64 = 20_261_123;

/// The longest that a sync of the tap takes.
const LONGEST: Duration = Duration::from_secs(4);

/// Pseudorandom numbers, the same for the same seed: splitmix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Returns an index below `end`.
    pub fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    Spile,
    Meltano,
    Tap,
    Target,
    Everything,
}

const VICTIMS: [Victim; 5] = [Victim::Spile, Victim::Meltano, Victim::Tap, Victim::Target, Victim::Everything];

pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Sends SIGKILL to the victim's processes in the project.
pub(super) fn kill(project: &Project, child: &mut Child, victim: Victim) {
    let is_victim = |line: &str| match victim {
        Victim::Spile => false,
        Victim::Meltano => line.contains("launch.py"),
        Victim::Tap => line.contains("bin/tap-"),
        Victim::Target => line.contains("bin/target-"),
        Victim::Everything => true,
    };
    if matches!(victim, Victim::Spile | Victim::Everything) {
        // It may have ended in the meantime.
        drop(child.kill());
    }
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&*project.path().to_string_lossy()) && is_victim(&line) {
            let id = process.file_name().into_string().unwrap();
            drop(Command::new("kill").args(["-KILL", &id]).stderr(Stdio::null()).status());
        }
    }
}

/// Returns the tap's bookmark in Meltano's database.
fn kept(project: &Project) -> i64 {
    let database = project.path().join(".meltano/meltano.db");
    let sql = "select completed_state from state where state_id = 'dev:tap-fault--things-to-target-jsonl--files'";
    let Ok(connection) = rusqlite::Connection::open(database) else { return 0 };
    let Ok(state) = connection.query_row(sql, [], |row| row.get::<_, String>(0)) else { return 0 };
    let state: Value = serde_json::from_str(&state).unwrap();
    state["singer_state"]["bookmarks"]["things"]["last"].as_i64().unwrap_or_default()
}

fn lines(project: &Project, path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(project.path().join(path)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A project whose tap continues counting, one record and bookmark at a time, and leaves notes.
fn stepping() -> Project {
    let project = Project::with_fault("step");
    project.write("notes/x", "");
    project
}

fn sync(project: &Project) -> Command {
    let mut command = project.command_with_notes(&["sync", "things"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn after_a_kill_at_any_moment_the_next_sync_resumes_and_leaves_nothing_behind() {
    let (kills, seed) = (number("SPILE_KILLS").unwrap_or(KILLS.into()), number("SPILE_SEED").unwrap_or(SEED));
    let mut dice = Dice(seed);
    let project = stepping();
    let mut confirmed = 0;
    for round in 0..kills {
        let victim = VICTIMS[usize::try_from(dice.below(5)).unwrap()];
        let after = Duration::from_millis(dice.below(LONGEST.as_millis().try_into().unwrap()));
        let before = lines(&project, "notes/began").len();
        let mut child = sync(&project).spawn().unwrap();
        std::thread::sleep(after);
        kill(&project, &mut child, victim);
        child.wait().unwrap();
        let told = format!("seed {seed}, round {round}: {victim:?} after {after:?}");
        let began = lines(&project, "notes/began");
        for line in &began[before..] {
            let last: i64 = line.parse().unwrap();
            assert_eq!(last, confirmed, "{told}: it did not start at the last confirmed bookmark");
        }
        assert!(lines(&project, "notes/twice").is_empty() && !project.path().join("notes/twice").exists(), "{told}");
        // Processes that outlive spile may still confirm what they have written, until the next sync has waited for
        // them.
        wait_for_quiet(&project, &told);
        confirmed = kept(&project);
    }
    let begun = Instant::now();
    let last = Ran(sync(&project).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap());
    assert!(last.0.status.success(), "seed {seed}: after the last kill: {}{}", last.stdout(), last.stderr());
    assert!(begun.elapsed() < Duration::from_mins(1), "seed {seed}: it waited for {:?}", begun.elapsed());
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    let ids = lines(&project, "output/things.jsonl")
        .into_iter()
        .map(|line| serde_json::from_str::<Value>(&line).unwrap()["id"].as_i64().unwrap());
    let ids: std::collections::BTreeSet<i64> = ids.collect();
    assert_eq!(ids, (1..=kept(&project)).collect(), "every record up to the bookmark exists");
    let begun = lines(&project, "notes/began").len() as u64;
    assert!(begun > kills / 4, "only {begun} of {kills} reached the tap");
    let runs = project.json(&["runs", "-n", "1000"]);
    let running = runs["runs"].as_array().unwrap().iter().filter(|run| run["status"] == "running").count();
    assert_eq!(running, 0, "killed runs are not running any more");
}

/// Waits until no process of the run is left: Meltano notices within a second that spile is gone.
pub(super) fn wait_for_quiet(project: &Project, told: &str) {
    let begun = Instant::now();
    while !processes_of(project).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{told}: still running: {:?}", processes_of(project));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_second_sync_waits_for_the_first_or_names_it() {
    let project = stepping();
    let mut first = sync(&project).spawn().unwrap();
    wait_for_the_tap(&project);
    let mut refused = project.command(&["sync", "things", "--no-wait"]);
    let refused = Ran(refused.output().unwrap()).fails();
    assert!(
        refused.stdout().contains("has been using it on this machine since") && refused.stdout().contains("busy"),
        "{}",
        refused.stdout()
    );
    let waited = project.command_with_notes(&["sync", "things"]).output();
    let waited = Ran(waited.unwrap()).succeeds();
    assert!(waited.stderr().contains("Waiting for `things`"), "{}", waited.stderr());
    assert!(first.wait().unwrap().success());
    assert_eq!(lines(&project, "notes/began"), ["0", "20"]);
    assert!(!project.path().join("notes/twice").exists());
    let runs = project.json(&["runs"])["runs"].as_array().unwrap().len();
    assert_eq!(runs, 2, "a refused sync has not run");
}

#[test]
fn stopping_a_waiting_sync_is_a_failure() {
    let project = Project::with_fault("hang");
    let mut first = sync(&project).spawn().unwrap();
    wait_for_the_tap(&project);
    let mut second = project.command(&["sync", "things", "--format", "json"]);
    let mut second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Waiting for `things`") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0, "it has ended");
    }
    super::signal("-TERM", &second);
    let status = super::wait(&mut second, Duration::from_secs(20));
    let told: Value = serde_json::from_reader(second.stdout.take().unwrap()).unwrap();
    let run = &told["runs"][0];
    assert_eq!(
        (status.code(), &run["status"], &run["error"]),
        (Some(1), &"cancelled".into(), &"stopped before it started".into())
    );
    super::signal("-TERM", &first);
    first.wait().unwrap();
    assert_eq!(project.json(&["runs"])["runs"].as_array().unwrap().len(), 1, "a waiting sync has not run");
}

#[test]
fn the_next_sync_stops_a_tap_that_outlived_everything() {
    let project = Project::with_fault("stubborn");
    let mut child = project.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    for victim in [Victim::Spile, Victim::Meltano, Victim::Target] {
        kill(&project, &mut child, victim);
    }
    child.wait().unwrap();
    project.write("integrations/things.toml", &things("well"));
    project.spile(&["apply", "--yes"]).succeeds();
    let begun = Instant::now();
    let ran = project.spile(&["sync"]).succeeds();
    assert!(ran.stderr().contains("Waiting for `things`"), "{}", ran.stderr());
    assert!(begun.elapsed() < Duration::from_mins(1));
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn a_database_that_meltano_was_killed_while_creating_is_put_aside() {
    let project = Project::with_fault("well");
    let folder = project.path().join(".meltano");
    // Some of its tables exist, and nothing says so.
    let database = rusqlite::Connection::open(folder.join("meltano.db")).unwrap();
    database.execute_batch("create table plugin_settings (x); create table state (x)").unwrap();
    drop(database);
    std::fs::write(folder.join(".spile-database"), "creating").unwrap();
    project.spile(&["sync"]).succeeds();
    assert!(folder.join("meltano.db.unfinished").exists());
    assert_eq!(project.newest_run()["records"], 3);
}
