//! Services and timers of systemd: written by the script, checked by the real `systemd-analyze`, and run as they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use spile_core::render::{Task, TaskTiming};

use super::{HOSTILE, output, task, tasks};
use crate::project::{FAULT, Project};
use crate::tools::{is_on_the_path, said, skipped};

const DECLARED: &str = "template = 'systemd'\npath = 'deploy/timers.sh'";

/// Runs the script of these tasks, which writes the units into a folder.
fn written(folder: &Path, declared: &str, all: Vec<Task>) {
    let script = folder.join("deploy/timers.sh");
    std::fs::create_dir_all(folder.join("deploy")).unwrap();
    std::fs::write(&script, output("acme", declared, &[]).render(&tasks(all)).unwrap()).unwrap();
    let ran = run(&script, &units(folder));
    assert!(ran.status.success(), "{ran:?}");
}

fn run(script: &Path, units: &Path) -> Output {
    let mut shell = Command::new("sh");
    shell.arg(script).arg(units).env("SPILE_PROGRAM", env!("CARGO_BIN_EXE_spile")).env_remove("SPILE_PROJECT");
    shell.output().unwrap()
}

fn units(folder: &Path) -> PathBuf {
    folder.join("units")
}

/// Returns the names of the units, sorted.
fn names(folder: &Path) -> Vec<String> {
    let found = std::fs::read_dir(units(folder)).unwrap();
    let mut names: Vec<String> = found.map(|unit| unit.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns the values of a key of a unit.
fn values(unit: &Path, key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(unit).unwrap();
    let of_key = |line: &str| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
    text.lines().filter_map(of_key).collect()
}

fn timer(folder: &Path, slug: &str) -> PathBuf {
    let named = names(folder).into_iter().find(|name| name.contains(slug)).unwrap();
    units(folder).join(named).with_extension("timer")
}

fn analyze() -> Option<Command> {
    if !is_on_the_path("systemd-analyze") {
        skipped("checking units of systemd", "systemd-analyze");
        return None;
    }
    Some(Command::new("systemd-analyze"))
}

#[test]
fn systemd_accepts_every_unit_and_starts_them_when_the_schedules_say() {
    let folder = tempfile::tempdir().unwrap();
    let odd = ["0 0 ? * FRI-SUN", "0 0 1 jan-MAR/2 *", "*/20 * */2 * *", "0 0 1,15 * *", "0 0 * * 1-7/3", "@monthly"];
    let mut all: Vec<Task> =
        odd.iter().enumerate().map(|(at, one)| task(&format!("odd-{at}"), one, "UTC", HOSTILE)).collect();
    all.push(task("paris", "30 6 13 * 5", "Europe/Paris", "x"));
    let timing = Some(TaskTiming { jitter: 600, catches_up: false });
    all.push(Task { timing, ..task("later", "@daily", "UTC", "x") });
    all.push(task("once", "@once", "UTC", "x"));
    let count = all.len() - 1;
    written(folder.path(), DECLARED, all);
    assert_eq!(names(folder.path()).len(), 2 * count, "`@once` has no time: {:?}", names(folder.path()));
    let later = timer(folder.path(), "later");
    assert_eq!(values(&later, "RandomizedDelaySec"), ["600"]);
    assert_eq!(values(&later, "Persistent"), ["no"]);
    let paris = values(&timer(folder.path(), "paris"), "OnCalendar");
    assert_eq!(
        paris,
        ["*-*-13 6:30:00 Europe/Paris", "Fri *-*-* 6:30:00 Europe/Paris"],
        "either starts it, as in cron"
    );

    let Some(mut verify) = analyze() else { return };
    let paths = names(folder.path()).into_iter().map(|name| units(folder.path()).join(name));
    let checked = said(verify.args(["verify", "--man=no", "--recursive-errors=no"]).args(paths), "");
    assert_eq!((checked.code, checked.stderr.contains("units/")), (Some(0), false), "{checked:?}");
    for (event, next) in [(&paris[0], "Tue 2026-10-13 06:30:00 CEST"), (&paris[1], "Fri 2026-10-02 06:30:00 CEST")] {
        let mut calendar = analyze().unwrap();
        calendar.args(["calendar", "--base-time=2026-10-01 00:00:00 UTC", event]).env("TZ", "Europe/Paris");
        let told = said(&mut calendar, "");
        assert!(told.stdout.contains(next), "{told:?}");
    }
}

#[test]
fn units_of_integrations_that_are_gone_are_removed_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let two = || vec![task("shop", "@hourly", "UTC", "x"), task("gone", "@hourly", "UTC", "x")];
    written(folder.path(), DECLARED, two());
    std::fs::write(units(folder.path()).join("spile-other.timer"), "# somebody else's\n").unwrap();
    written(folder.path(), DECLARED, two().drain(..1).collect());
    let left = names(folder.path());
    assert_eq!(left.iter().filter(|name| name.contains("gone")).count(), 0, "{left:?}");
    assert!(left.contains(&"spile-other.timer".to_owned()) && left.len() == 3, "{left:?}");
}

#[test]
fn a_user_and_a_file_of_variables_are_written_into_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let declared = format!("{DECLARED}\nvalues = {{ user = 'data', environment_file = '/etc/spile/prod.env' }}");
    written(folder.path(), &declared, vec![task("shop", "@hourly", "UTC", "x")]);
    let service = timer(folder.path(), "shop").with_extension("service");
    assert_eq!(values(&service, "User"), ["data"]);
    assert_eq!(values(&service, "EnvironmentFile"), ["/etc/spile/prod.env"]);
}

/// Runs what the service of a project's only integration starts, as systemd does: in its folder, without a shell, and with
/// nothing of this environment but a path and a home.
fn started(mode: &str) -> (Project, Output) {
    let project = Project::with_fault(mode);
    let things = project.read("integrations/things.toml");
    project.write("integrations/things.toml", &things.replace("[config]", "schedule = '@daily'\n[config]"));
    project.write("spile.toml", &format!("{FAULT}[[outputs]]\n{DECLARED}\n"));
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = run(&project.path().join("deploy/timers.sh"), &units(project.path()));
    assert!(ran.status.success(), "{ran:?}");
    let service = timer(project.path(), "things").with_extension("service");
    let [words, folder] = ["ExecStart", "WorkingDirectory"].map(|key| values(&service, key).remove(0));
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", project.path()).env("TAP_FAULT_NOTES", project.path());
    let output = command.output().unwrap();
    (project, output)
}

#[test]
fn a_service_syncs_and_its_failure_is_one_of_the_unit() {
    let (project, ran) = started("well");
    assert!(ran.status.success(), "{ran:?}");
    let run = project.newest_run();
    assert_eq!((&run["slug"], &run["status"]), (&"things".into(), &"ok".into()), "{run:#}");

    let (project, ran) = started("fail");
    assert!(!ran.status.success(), "{ran:?}");
    let run = project.newest_run();
    assert_eq!((&run["slug"], &run["status"]), (&"things".into(), &"failed".into()), "{run:#}");
}
