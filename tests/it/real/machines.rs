//! Two machines, simulated by two checkouts of one project: they share only a hosted registry and a destination.

mod bookmarks;
mod kills;
mod own_table;
mod states;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::project::{Project, Ran, kill_all, wait, wait_for_the_tap};
use crate::supabase::hosted::HostedRows;

/// The state ID of the one integration.
const STATE: &str = "dev:tap-fault--things-to-target-jsonl--files";

struct Machines {
    subject: HostedRows,
    shared: tempfile::TempDir,
    one: Project,
    other: Project,
}

impl Machines {
    fn start() -> Option<Self> {
        Some(Self::over(HostedRows::start()?, ""))
    }

    /// Starts them over a registry with further lines in `[registry]`.
    fn over(subject: HostedRows, lines: &str) -> Self {
        let shared = tempfile::tempdir().unwrap();
        let checkout = || {
            let project = Project::new();
            project.add_fault("step");
            let registry = "[project]\nname = 'real'\n[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\n\
                            key = '${SUPABASE_SECRET_KEY}'\nrest_path = ''\n";
            project.write("spile.toml", &format!("{registry}{lines}[run]\nenv = ['TAP_FAULT_NOTES']\n"));
            let output = format!("'{}'", shared.path().join("output").display());
            project.write("integrations/files.toml", &crate::project::LOADER.replace("'output'", &output));
            project
        };
        let machines = Self { one: checkout(), other: checkout(), subject, shared };
        std::fs::create_dir(machines.notes()).unwrap();
        Ran(machines.command(&machines.one, &["apply", "--yes"]).output().unwrap()).succeeds();
        machines
    }

    fn notes(&self) -> PathBuf {
        self.shared.path().join("notes")
    }

    fn command(&self, machine: &Project, words: &[&str]) -> Command {
        let mut command = machine.command(words);
        command
            .env("SUPABASE_URL", &self.subject.database.url)
            .env("SUPABASE_SECRET_KEY", self.subject.database.key("service_role"))
            .env("TAP_FAULT_NOTES", self.notes());
        command
    }

    fn sync(&self, machine: &Project) -> Ran {
        Ran(self.command(machine, &["sync", "things"]).output().unwrap()).succeeds()
    }

    /// The ids of the rows in the destination.
    fn rows(&self) -> Vec<i64> {
        let text = std::fs::read_to_string(self.shared.path().join("output/things.jsonl")).unwrap_or_default();
        let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_i64().unwrap();
        text.lines().map(id).collect()
    }

    /// The bookmark in the registry; 0 if there is none.
    fn kept(&self) -> i64 {
        let state =
            self.subject.database.sql(&format!("select state from integration_states where state_id = '{STATE}'"));
        let state: serde_json::Value = serde_json::from_str(&state).unwrap_or_default();
        state["completed"]["singer_state"]["bookmarks"]["things"]["last"].as_i64().unwrap_or_default()
    }

    fn began(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.notes().join("began")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn an_integration_runs_on_one_machine_at_a_time_and_resumes_where_the_other_stopped() {
    let Some(machines) = Machines::start() else { return };
    let mut first = machines.command(&machines.one, &["sync", "things", "-q"]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&machines.one);
    let refused = machines.command(&machines.other, &["sync", "things", "--no-wait"]).output().unwrap();
    let refused = Ran(refused).fails();
    assert!(
        refused.stdout().contains("busy") && refused.stdout().contains("has been using it on `"),
        "{}",
        refused.stdout()
    );
    let waited = Ran(machines.command(&machines.other, &["sync", "things"]).output().unwrap()).succeeds();
    assert!(waited.stderr().contains("Waiting for `things`"), "{}", waited.stderr());
    assert!(first.wait().unwrap().success());
    assert_eq!(machines.began(), ["0", "20"]);
    assert!(!machines.notes().join("twice").exists());
    let leases = machines.subject.database.sql("select count(*) from integration_leases");
    assert_eq!(leases, "0", "both have given theirs back");
}

#[test]
fn without_the_registry_there_is_no_lease_and_nothing_is_synced() {
    let Some(machines) = Machines::start() else { return };
    let mut command = machines.command(&machines.one, &["sync", "things", "--format", "json"]);
    let ran = Ran(command.env("SUPABASE_URL", "http://127.0.0.1:9").output().unwrap()).fails();
    let result: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(result["runs"][0]["cause"], "registry", "{result}");
    assert!(machines.began().is_empty());
}

#[test]
fn a_dead_machine_holds_an_integration_only_until_its_lease_expires() {
    let Some(machines) = Machines::start() else { return };
    let mut first = machines.command(&machines.one, &["sync", "things", "-q"]);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&machines.one);
    // It reports its bookmark a moment after it starts.
    while machines.began().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    first.kill().unwrap();
    wait(&mut first, Duration::from_secs(10));
    kill_all(&machines.one);
    let mut second = machines.command(&machines.other, &["sync", "things"]);
    let second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    // As if a minute had passed.
    machines.subject.database.sql("update integration_leases set expires_at = now() - interval '1 second'");
    let second = Ran(second.wait_with_output().unwrap()).succeeds();
    assert!(second.stderr().contains("Waiting for `things`"), "{}", second.stderr());
    assert_eq!(machines.began(), ["0", "0"], "unconfirmed records are read again");
    // The first machine is back, and reports the end of its run to the registry.
    Ran(machines.command(&machines.one, &["runs"]).output().unwrap()).succeeds();
    let running = machines.subject.database.sql("select count(*) from integration_runs where status = 'running'");
    assert_eq!(running, "0");
    let killed = machines.subject.database.sql("select cause from integration_runs where status = 'failed'");
    assert_eq!(killed, "killed");
}

#[test]
fn of_two_machines_one_runs_what_is_due() {
    let Some(machines) = Machines::start() else { return };
    for machine in [&machines.one, &machines.other] {
        let things = machine.read("integrations/things.toml");
        machine.write("integrations/things.toml", &things.replace("[config]", "schedule = '@yearly'\n[config]"));
    }
    Ran(machines.command(&machines.one, &["apply", "--yes"]).output().unwrap()).succeeds();
    machines.subject.database.sql("update integrations set created_at = '2020-01-01'");
    let look = |machine| {
        let mut command = machines.command(machine, &["run-due", "-v"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let looks = [look(&machines.one), look(&machines.other)];
    let said = looks.map(|child| Ran(child.wait_with_output().unwrap()).succeeds().stderr());
    assert_eq!(machines.began(), ["0"], "{said:#?}");
    assert!(said.iter().any(|said| said.contains("Skipped `things`") || said.contains("Nothing is due")), "{said:#?}");
    let again = Ran(machines.command(&machines.other, &["run-due"]).output().unwrap()).succeeds();
    assert!(again.stderr().contains("Nothing is due"), "{}", again.stderr());
}
