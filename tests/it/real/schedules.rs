//! Schedules with the real Meltano: what is due runs once, no matter who checks, how often, and what is killed.

use std::ops::{Deref, DerefMut};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::{Project, Ran, kill_all, leftovers, processes_of, signal, things, wait, wait_for_the_tap};

/// Once a year: due now if applied before the year began, and then not for a while.
const YEARLY: &str = "schedule = '@yearly'\n";

/// A project whose integration `things` is due.
fn due(mode: &str) -> Project {
    let project = Project::with_fault(mode);
    schedule(&project, YEARLY);
    was_applied_long_ago(&project);
    project
}

fn schedule(project: &Project, keys: &str) {
    project.write(
        "integrations/things.toml",
        &things(&project_mode(project)).replace("[config]", &format!("{keys}[config]")),
    );
    project.spile(&["apply", "--yes"]).succeeds();
}

fn project_mode(project: &Project) -> String {
    let text = project.read("integrations/things.toml");
    text.split("mode = '").nth(1).unwrap().split('\'').next().unwrap().to_owned()
}

fn was_applied_long_ago(project: &Project) {
    let registry = rusqlite::Connection::open(project.path().join(".spile/registry.db")).unwrap();
    registry.execute("update integrations set created_at = '2020-01-01T00:00:00Z'", []).unwrap();
}

fn runs(project: &Project) -> Vec<Value> {
    project.json(&["runs"])["runs"].as_array().unwrap().clone()
}

/// A scheduler that stops with the test, however the test ends.
struct Scheduler(Child);

impl Deref for Scheduler {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Scheduler {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn scheduler(project: &Project) -> Scheduler {
    let notes = project.path().join("notes");
    std::fs::create_dir_all(&notes).unwrap();
    let mut command = project.command(&["serve", "--scheduler", "--bind", "none"]);
    let log = std::fs::File::options().create(true).append(true).open(project.path().join("serve.log")).unwrap();
    Scheduler(command.env("TAP_FAULT_NOTES", notes).stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

/// Waits until this many runs have ended with a status.
fn wait_for_runs(project: &Project, status: &str, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let ended: Vec<Value> = runs(project).into_iter().filter(|run| run["status"] == status).collect();
        if ended.len() >= count {
            return ended;
        }
        let log = || std::fs::read_to_string(project.path().join("serve.log")).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_mins(2), "{:#?}\n{}", runs(project), log());
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn stops(child: &mut Child) {
    signal("-TERM", child);
    assert!(wait(child, Duration::from_secs(30)).success());
}

#[test]
fn due_integrations_run_once_and_paused_ones_do_not() {
    let project = due("well");
    let scheduled = &project.json(&["schedules"])["schedules"][0];
    assert_eq!(scheduled["slug"], "things");
    let this_year = scheduled["due"]["scheduled_for"].as_str().unwrap().to_owned();
    project.spile(&["pause", "things"]).succeeds();
    let told = project.spile(&["run-due"]).succeeds().stderr();
    assert!(told.contains("Nothing is due"), "{told}");
    assert!(project.spile(&["schedules"]).succeeds().stdout().contains("paused"));
    project.spile(&["resume", "--all"]).succeeds();
    project.spile(&["disable", "things"]).succeeds();
    assert!(runs(&project).is_empty() && project.spile(&["run-due"]).succeeds().stderr().contains("Nothing is due"));
    project.spile(&["enable", "things"]).succeeds();
    let told = project.spile(&["run-due"]).succeeds().stderr();
    assert!(told.contains("Finished things: 3 records"), "{told}");
    let run = project.newest_run();
    assert_eq!((&run["status"], &run["scheduled_for"]), (&"ok".into(), &this_year.as_str().into()), "{run:#}");
    assert!(project.spile(&["run-due"]).succeeds().stderr().contains("Nothing is due"));
    assert_eq!(runs(&project).len(), 1);
    let scheduled = &project.json(&["schedules"])["schedules"][0];
    assert_eq!((&scheduled["due"], &scheduled["last_sync"]["id"]), (&Value::Null, &run["id"]));
    // A new integration waits for its first scheduled time; a failed run has used its turn.
    project.write(
        "integrations/fresh.toml",
        &things("fail").replace("0b8a", "1b8a").replace("[config]", "schedule = '@yearly'\n[config]"),
    );
    assert!(project.spile(&["run-due"]).succeeds().stderr().contains("Nothing is due"), "it was never applied");
    project.spile(&["apply", "--yes"]).succeeds();
    assert!(
        project.spile(&["run-due"]).succeeds().stderr().contains("Nothing is due"),
        "its first scheduled time is in the future"
    );
    was_applied_long_ago(&project);
    project.spile(&["run-due"]).fails();
    assert!(project.spile(&["run-due"]).succeeds().stderr().contains("Nothing is due"));
}

#[test]
fn a_due_run_waits_for_a_manual_sync() {
    let project = due("step");
    let notes = project.path().join("notes");
    std::fs::create_dir(&notes).unwrap();
    let mut manual = project.command(&["sync", "things", "-q"]);
    let mut manual = manual.env("TAP_FAULT_NOTES", &notes).stdout(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    let begun = Instant::now();
    let told = Ran(project.command(&["run-due", "-v"]).env("TAP_FAULT_NOTES", &notes).output().unwrap()).succeeds();
    assert!(told.stderr().contains("Skipped `things` for now: run "), "{}", told.stderr());
    assert!(begun.elapsed() < Duration::from_secs(5) || manual.try_wait().unwrap().is_some(), "it waits for nobody");
    assert!(wait(&mut manual, Duration::from_mins(1)).success());
    Ran(project.command(&["run-due"]).env("TAP_FAULT_NOTES", &notes).output().unwrap()).succeeds();
    assert_eq!(std::fs::read_to_string(notes.join("began")).unwrap(), "0\n20\n");
    assert!(!notes.join("twice").exists());
}

#[test]
fn a_killed_or_stopped_scheduler_continues_and_runs_nothing_twice() {
    let project = due("step");
    let mut first = scheduler(&project);
    wait_for_the_tap(&project);
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = scheduler(&project);
    let killed = wait_for_runs(&project, "failed", 1);
    assert_eq!(killed[0]["cause"], "killed");
    wait_for_the_tap(&project);
    stops(&mut second);
    let stopped = wait_for_runs(&project, "cancelled", 1);
    assert_eq!(stopped[0]["scheduled_for"], killed[0]["scheduled_for"]);
    let mut third = scheduler(&project);
    wait_for_runs(&project, "ok", 1);
    std::thread::sleep(Duration::from_secs(2));
    stops(&mut third);
    assert_eq!(runs(&project).len(), 3, "{:#?}", runs(&project));
    assert!(!project.path().join("notes/twice").exists(), "the tap was never beside itself");
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    assert_eq!(processes_of(&project), Vec::<String>::new());
}

#[test]
fn of_many_that_are_due_only_those_with_a_slot_have_begun_when_a_scheduler_stops() {
    let project = Project::with_fault("step");
    let settings = project.read("spile.toml");
    project.write("spile.toml", &format!("{settings}\n[sync]\njobs = 1\n"));
    for number in 100..300 {
        let text = things("step").replace("0b8a4", &format!("00{number}"));
        let schedule = if number == 250 { "0 0 1 1 *" } else { "0 0 2 1 *" };
        let text = text.replace("[config]", &format!("schedule = '{schedule}'\n[config]"));
        project.write(&format!("integrations/copy-{number}.toml"), &text);
    }
    project.spile(&["apply", "--yes"]).succeeds();
    was_applied_long_ago(&project);
    let mut scheduler = scheduler(&project);
    wait_for_the_tap(&project);
    stops(&mut scheduler);
    let all = runs(&project);
    assert_eq!((all.len(), &all[0]["slug"]), (1, &"copy-250".into()), "the oldest, and no other: {all:#?}");
    assert_eq!(all[0]["status"], "cancelled");
    assert_eq!(project.json(&["schedules"])["schedules"].as_array().unwrap().len(), 200);
}

#[test]
fn of_two_schedulers_one_runs_each_scheduled_time() {
    let project = Project::with_fault("well");
    for number in 0..5 {
        let text = things("well").replace("0b8a", &format!("{number}b8b"));
        project.write(
            &format!("integrations/copy-{number}.toml"),
            &text.replace("[config]", "schedule = '@yearly'\n[config]"),
        );
    }
    project.spile(&["apply", "--yes"]).succeeds();
    was_applied_long_ago(&project);
    let (mut one, mut other) = (scheduler(&project), scheduler(&project));
    wait_for_runs(&project, "ok", 5);
    std::thread::sleep(Duration::from_secs(3));
    stops(&mut one);
    stops(&mut other);
    let all = runs(&project);
    let mut slugs: Vec<&str> = all.iter().map(|run| run["slug"].as_str().unwrap()).collect();
    slugs.sort_unstable();
    assert_eq!(slugs, ["copy-0", "copy-1", "copy-2", "copy-3", "copy-4"], "{all:#?}");
    kill_all(&project);
}

#[test]
fn a_scheduler_reloads_changed_files_and_tolerates_invalid_ones() {
    let project = Project::with_fault("well");
    schedule(&project, "schedule = '0 0 29 2 *'\n");
    let mut child = scheduler(&project);
    let says = |words: &str| {
        let begun = Instant::now();
        while !project.read("serve.log").contains(words) {
            assert!(begun.elapsed() < Duration::from_mins(2), "{words}: {}", project.read("serve.log"));
            std::thread::sleep(Duration::from_millis(300));
        }
    };
    says("Scheduling");
    std::thread::sleep(Duration::from_secs(1));
    project.write("integrations/things.toml", "type = 'falt'\n");
    says("the project now has invalid files");
    says("things.toml: there is no extractor `falt`");
    assert!(child.try_wait().unwrap().is_none(), "it continues");
    project.write("integrations/things.toml", &things("well").replace("[config]", "schedule = '@yearly'\n[config]"));
    project.spile(&["apply", "--yes"]).succeeds();
    was_applied_long_ago(&project);
    says("Reloaded the project: 2 integrations");
    wait_for_runs(&project, "ok", 1);
    stops(&mut child);
    let log = project.read("serve.log");
    assert_eq!(log.matches("the project now has invalid files").count(), 1, "{log}");
}
