//! Where a run resumes: with the registry, and with other state backends.

use std::process::{Command, Stdio};

use super::{Machines, STATE};
use crate::project::{Project, Ran, wait_for_the_tap};

fn all(until: i64) -> Vec<i64> {
    (1..=until).collect()
}

#[test]
fn a_second_machine_resumes_where_the_first_stopped_without_any_variable() {
    let Some(machines) = Machines::start() else { return };
    let first = machines.sync(&machines.one);
    assert!(!first.stderr().contains("Continuing"), "{}", first.stderr());
    assert_eq!((machines.rows(), machines.kept()), (all(20), 20));
    let dry = Ran(machines.command(&machines.other, &["sync", "--dry-run", "--format", "json"]).output().unwrap());
    let dry: serde_json::Value = serde_json::from_str(&dry.succeeds().stdout()).unwrap();
    assert_eq!(dry["would_sync"][0]["bookmark"]["bookmarks"]["things"]["last"], 20, "{dry}");
    let second = machines.sync(&machines.other);
    assert!(second.stderr().contains("Continuing with `things` where `"), "{}", second.stderr());
    assert_eq!((machines.rows(), machines.kept()), (all(40), 40));
    let third = machines.sync(&machines.other);
    assert!(!third.stderr().contains("Continuing"), "it resumes where it stopped: {}", third.stderr());
    assert_eq!(machines.rows(), all(60));
}

#[test]
fn neither_the_key_of_the_registry_nor_the_token_of_a_run_reaches_a_plugin() {
    let Some(machines) = Machines::start() else { return };
    let things = machines.one.read("integrations/things.toml");
    machines.one.write("integrations/things.toml", &things.replace("'step'", "'environment'"));
    Ran(machines.command(&machines.one, &["apply", "--yes"]).output().unwrap()).succeeds();
    machines.sync(&machines.one);
    let log = Ran(machines.command(&machines.one, &["logs", "things"]).output().unwrap()).succeeds().stdout();
    assert!(log.contains("the environment is:"), "{log}");
    for hidden in [&machines.subject.database.key("service_role") as &str, "SUPABASE_SECRET_KEY"] {
        assert!(!log.contains(hidden), "a plugin is given `{hidden}`: {log}");
    }
    machines.one.write("integrations/things.toml", &things);
    Ran(machines.command(&machines.one, &["apply", "--yes"]).output().unwrap()).succeeds();
    let mut running = machines.command(&machines.one, &["sync", "things", "-q"]);
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&machines.one);
    let runs = std::fs::read_dir(machines.one.path().join(".spile/runs")).unwrap().flatten();
    let runs: Vec<_> = runs.filter(|run| run.path().join("launch.py").exists()).collect();
    assert!(!runs.is_empty(), "an active run has a folder");
    assert!(
        runs.iter().all(|run| !run.path().join("bookmarks.json").exists()),
        "the token lies where the tap can read it"
    );
    assert!(running.wait().unwrap().success());
}

#[test]
fn local_bookmarks_are_uploaded_when_the_registry_becomes_hosted() {
    let Some(machines) = Machines::start() else { return };
    let hosted = machines.one.read("spile.toml");
    machines.one.write("spile.toml", crate::project::FAULT);
    machines.sync(&machines.one);
    machines.one.write("spile.toml", &hosted);
    let copied = machines.sync(&machines.one);
    assert!(copied.stderr().contains("Copied the bookmarks of `things`"), "{}", copied.stderr());
    assert_eq!((machines.rows(), machines.kept()), (all(40), 40));
    // Clearing bookmarks is deliberate: the machine's older copy must not come back.
    machines.subject.database.sql("update integration_states set state = null, version = version + 1");
    let again = machines.sync(&machines.one);
    assert!(!again.stderr().contains("Copied"), "{}", again.stderr());
    assert_eq!(machines.began(), ["0", "20", "0"]);
}

#[test]
fn bookmarks_that_only_the_registrys_runs_have_are_used() {
    let Some(machines) = Machines::start() else { return };
    machines.sync(&machines.one);
    // The state of a registry that did not store bookmarks yet.
    machines.subject.database.sql("delete from integration_states");
    let second = machines.sync(&machines.other);
    assert!(second.stderr().contains("Continuing with `things`"), "{}", second.stderr());
    assert_eq!(machines.rows(), all(40));
}

#[test]
fn bookmarks_follow_a_rename_in_the_registry_on_every_machine() {
    let Some(machines) = Machines::start() else { return };
    machines.sync(&machines.one);
    for machine in [&machines.one, &machines.other] {
        let path = |name: &str| machine.path().join(format!("integrations/{name}.toml"));
        std::fs::rename(path("things"), path("stuff")).unwrap();
    }
    Ran(machines.command(&machines.one, &["apply", "--yes"]).output().unwrap()).succeeds();
    let moved = Ran(machines.command(&machines.other, &["sync"]).output().unwrap()).succeeds();
    assert!(moved.stderr().contains("Moved the bookmarks of `stuff`"), "{}", moved.stderr());
    assert_eq!(machines.rows(), all(40));
    let kept = machines.subject.database.sql("select state_id, state is null from integration_states order by 1");
    let renamed = STATE.replace("things", "stuff");
    assert_eq!(kept, format!("{renamed}|f\n{STATE}|t"));
    machines.sync_all(&machines.one);
    assert_eq!(machines.rows(), all(60));
}

impl Machines {
    fn sync_all(&self, machine: &Project) -> Ran {
        Ran(self.command(machine, &["sync"]).output().unwrap()).succeeds()
    }

    fn bucket(&self) -> String {
        format!("file://{}", self.shared.path().join("bucket").display())
    }

    fn sync_with(&self, machine: &Project, words: &[&str], address: &str) -> Command {
        let mut command = self.command(machine, &[&["sync", "things"], words].concat());
        command.env("MELTANO_STATE_BACKEND_URI", address);
        command
    }
}

#[test]
fn a_new_backend_never_starts_empty_if_bookmarks_are_known() {
    let Some(machines) = Machines::start() else { return };
    machines.sync(&machines.one);
    for machine in [&machines.one, &machines.other] {
        let refused = Ran(machines.sync_with(machine, &[], &machines.bucket()).output().unwrap()).fails();
        let said = refused.stdout();
        assert!(said.contains("--take-bookmark") && said.contains("--full-refresh"), "{said}");
        assert!(said.contains("bookmark"), "{said}");
    }
    assert_eq!(machines.began(), ["0"], "no tap was started");
    Ran(machines.sync_with(&machines.other, &["--take-bookmark"], &machines.bucket()).output().unwrap()).succeeds();
    Ran(machines.sync_with(&machines.one, &[], &machines.bucket()).output().unwrap()).succeeds();
    assert_eq!(machines.rows(), all(60));
    // The same holds for `spile.toml`, which overrides the variable.
    let settings = machines.one.read("spile.toml");
    machines.one.write("spile.toml", &format!("{settings}[meltano]\nstate_backend = '{}'\n", machines.bucket()));
    Ran(machines.sync_with(&machines.one, &[], "file:///proc/nowhere").output().unwrap()).succeeds();
    assert_eq!(machines.rows(), all(80));
    machines.one.write("spile.toml", &format!("{settings}[meltano]\nstate_backend = 'local'\n"));
    let refused = Ran(machines.command(&machines.one, &["sync", "things"]).output().unwrap()).fails();
    assert!(refused.stdout().contains("--take-bookmark"), "{}", refused.stdout());
    assert_eq!(machines.rows(), all(80));
}

#[test]
fn an_unavailable_or_foreign_backend_is_refused_before_the_tap_runs() {
    let Some(machines) = Machines::start() else { return };
    let refused = Ran(machines.sync_with(&machines.one, &[], "file:///dev/null/state").output().unwrap()).fails();
    assert!(refused.stdout().contains("the stored bookmarks cannot be read"), "{}", refused.stdout());
    assert!(refused.stdout().contains(" bookmark "), "its cause: {}", refused.stdout());
    assert_eq!(machines.began(), [""; 0]);
    Ran(machines.sync_with(&machines.one, &[], &machines.bucket()).output().unwrap()).succeeds();
    let settings = machines.other.read("spile.toml");
    machines.other.write("spile.toml", &settings.replace("name = 'real'", "name = 'other'"));
    for words in [&[] as &[&str], &["--full-refresh"]] {
        let refused = Ran(machines.sync_with(&machines.other, words, &machines.bucket()).output().unwrap()).fails();
        assert!(refused.stdout().contains("belong to the project `real`"), "{words:?}: {}", refused.stdout());
    }
    assert_eq!((machines.began().len(), machines.rows()), (1, all(20)));
}
