//! Runs that are forked from a prepared Meltano: they end as those that start cold, and do not depend on it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::{FAULT, Project, leftovers, processes_of, signal, things, wait};

/// What the command line of a prepared process and of its runs contains.
const PREPARED: &str = "import os, sys; sys.path.pop(0)";

fn due(mode: &str) -> Project {
    let project = Project::with_fault(mode);
    let yearly = things(mode).replace("[config]", "schedule = '@yearly'\n[config]");
    project.write("integrations/things.toml", &yearly);
    project.spile(&["apply", "--yes"]).succeeds();
    registry(&project, "update integrations set created_at = '2020-01-01T00:00:00Z'");
    project
}

fn registry(project: &Project, statement: &str) {
    let registry = rusqlite::Connection::open(project.path().join(".spile/registry.db")).unwrap();
    registry.busy_timeout(Duration::from_secs(10)).unwrap();
    registry.execute(statement, []).unwrap();
}

/// Returns the prepared process: the one that spile itself started.
fn prepared(project: &Project, parent: u32) -> Option<u32> {
    let name = project.path().to_string_lossy().into_owned();
    let ids = fs::read_dir("/proc").unwrap().flatten().filter_map(|one| one.file_name().to_str()?.parse().ok());
    let is_it = |id: &u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        line.contains(&name) && line.contains(PREPARED) && of == Some(parent)
    };
    let mut ids = ids;
    ids.find(is_it)
}

/// A server that stops with the test, however the test ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(project: &Project) -> Server {
    let notes = project.path().join("notes");
    fs::create_dir_all(&notes).unwrap();
    let mut command = project.command(&["serve", "--scheduler", "--bind", "none"]);
    command.env("TAP_FAULT_NOTES", notes).env("AWS_SECRET_ACCESS_KEY", "canary-Kp93");
    Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// Makes the integration due again, and waits for its run.
fn next_run(project: &Project, id: u32) -> Value {
    registry(project, "delete from integration_runs");
    // A change of files makes the scheduler look.
    project.write("integrations/note.txt", &id.to_string());
    let things = project.read("integrations/things.toml");
    project.write("integrations/things.toml", &format!("{things}\n"));
    ended_run(project)
}

fn ended_run(project: &Project) -> Value {
    let begun = Instant::now();
    loop {
        let runs = project.json(&["runs"])["runs"].as_array().unwrap().clone();
        if let Some(run) = runs.into_iter().find(|run| run["status"] != "running") {
            return run;
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "no run has ended");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn kill(id: u32) {
    assert!(Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn runs_are_forked_from_a_prepared_process_that_may_die_and_is_replaced() {
    let project = due("well");
    let mut server = serve(&project);
    let parent = server.0.id();
    let first = ended_run(&project);
    assert_eq!((&first["status"], &first["records"]), (&"ok".into(), &3.into()), "{first:#}");
    let warm = prepared(&project, parent).expect("a prepared process");
    let environment = fs::read_to_string(format!("/proc/{warm}/environ")).unwrap();
    assert!(!environment.contains("canary") && !environment.contains("TAP_FAULT"), "{environment}");
    // The next run comes from the same process.
    assert_eq!(next_run(&project, 1)["status"], "ok");
    assert_eq!(prepared(&project, parent), Some(warm));
    // If it was killed, the run starts without it.
    kill(warm);
    assert_eq!(next_run(&project, 2)["status"], "ok");
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(log.contains("the prepared Meltano has ended"), "{log}");
    assert_eq!(next_run(&project, 3)["status"], "ok");
    let second = prepared(&project, parent).expect("a new prepared process");
    // Another `.env` replaces it.
    project.write(".env", "OTHER=1\n");
    assert_eq!(next_run(&project, 4)["status"], "ok");
    let third = prepared(&project, parent).expect("a replaced process");
    assert!(third != second);
    signal("-TERM", &server.0);
    assert!(wait(&mut server.0, Duration::from_secs(30)).success());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert_eq!(leftovers(&project), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_run_is_stopped_and_outlives_the_prepared_process() {
    let project = due("step");
    let mut server = serve(&project);
    let begun = Instant::now();
    while !processes_of(&project).iter().any(|line| line.contains("bin/tap-")) {
        assert!(begun.elapsed() < Duration::from_mins(2), "{:#?}", processes_of(&project));
        std::thread::sleep(Duration::from_millis(100));
    }
    kill(prepared(&project, server.0.id()).expect("a prepared process"));
    assert!(processes_of(&project).iter().any(|line| line.contains("bin/tap-")), "the run goes on");
    signal("-TERM", &server.0);
    assert!(wait(&mut server.0, Duration::from_secs(30)).success());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert_eq!(project.newest_run()["status"], "cancelled");
}

#[test]
fn a_forked_run_has_no_variable_of_the_one_before_it() {
    let project = Project::with_fault("well");
    project.write("spile.toml", &format!("{FAULT}[sync]\njobs = 1\n"));
    for (slug, mode) in [("alpha", "well"), ("beta", "environment")] {
        let text = format!("type = 'fault'\nloader = 'files'\nschedule = '@yearly'\n[config]\nmode = '{mode}'\n");
        project.write(&format!("integrations/{slug}.toml"), &text);
    }
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "alpha", "token", "--stdin"], "canary-Wq71").succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    registry(&project, "update integrations set created_at = '2020-01-01T00:00:00Z'");
    let server = serve(&project);
    let begun = Instant::now();
    let runs = loop {
        let runs = project.json(&["runs"])["runs"].as_array().unwrap().clone();
        if runs.len() == 2 && runs.iter().all(|run| run["status"] != "running") {
            break runs;
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "{runs:#?}");
        std::thread::sleep(Duration::from_millis(300));
    };
    assert!(prepared(&project, server.0.id()).is_some(), "both were forked");
    let [beta, alpha] = &runs[..] else { panic!("{runs:#?}") };
    assert_eq!((&alpha["slug"], &alpha["status"]), (&"alpha".into(), &"ok".into()));
    assert_eq!((&beta["slug"], &beta["status"]), (&"beta".into(), &"ok".into()));
    let log = project.spile(&["logs", "beta"]).succeeds().stdout();
    assert!(log.contains("the environment is:") && log.contains("TAP_FAULT__BETA"), "{log}");
    assert!(!log.contains("canary") && !log.contains("ALPHA") && !log.contains("alpha"), "{log}");
}
