//! Two machines with keys of their own, which share a hosted registry.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Rotating, noted};
use crate::project::{Project, Ran, kill_all, wait};
use crate::real::kills::{Dice, Victim, kill, wait_for_quiet};
use crate::supabase::hosted::HostedRows;

const SETTINGS: &str = "[project]\nname = 'real'\n[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\n\
                        key = '${SUPABASE_SECRET_KEY}'\nrest_path = ''\n\
                        [run]\nenv = ['TAP_ROTATING_NOTES', 'TAP_ROTATING_PAUSE']\n\
                        [sync]\nretries = 0\n";

struct Machines {
    subject: HostedRows,
    one: Rotating,
    other: Rotating,
}

impl Machines {
    fn start() -> Option<Self> {
        let subject = HostedRows::start()?;
        let one = Rotating { project: Project::new(), source: std::path::PathBuf::new() };
        let one = Rotating { source: one.project.path().join("source"), ..one };
        std::fs::create_dir(&one.source).unwrap();
        let other = Rotating { project: Project::new(), source: one.source.clone() };
        for machine in [&one, &other] {
            machine.add(SETTINGS);
            machine.project.spile(&["secrets", "init"]).succeeds();
        }
        let recipient = |machine: &Rotating| {
            let rules = machine.project.read(".sops.yaml");
            let line = rules.lines().find(|line| line.trim().starts_with("- age1")).unwrap();
            line.trim().trim_start_matches("- ").to_owned()
        };
        let (mine, theirs) = (recipient(&one), recipient(&other));
        let rules = one.project.read(".sops.yaml");
        let rules = rules.replace(&format!("- {mine}\n"), &format!("- {mine}\n      - {theirs}\n"));
        one.project.write(".sops.yaml", &rules);
        other.project.write(".sops.yaml", &rules);
        one.sign_in("first");
        other.project.write("integrations/things.toml", &one.project.read("integrations/things.toml"));
        let machines = Self { subject, one, other };
        Ran(machines.command(&machines.one, &["apply", "--yes"]).output().unwrap()).succeeds();
        Some(machines)
    }

    fn command(&self, machine: &Rotating, words: &[&str]) -> Command {
        let mut command = machine.command(words);
        command
            .env("SUPABASE_URL", &self.subject.database.url)
            .env("SUPABASE_SECRET_KEY", self.subject.database.key("service_role"));
        command
    }

    fn sync(&self, machine: &Rotating) {
        Ran(self.command(machine, &["sync", "things", "-q"]).output().unwrap()).succeeds();
    }

    /// As if a minute had passed.
    fn expire(&self) {
        self.subject.database.sql("update integration_leases set expires_at = now() - interval '1 second'");
    }
}

#[test]
fn twenty_runs_alternate_between_two_machines_and_no_kill_loses_a_token() {
    let Some(machines) = Machines::start() else { return };
    let mut dice = Dice(20_261_130);
    for round in 0..20_u64 {
        let machine = if round % 2 == 0 { &machines.one } else { &machines.other };
        if round % 3 != 2 {
            machines.sync(machine);
            continue;
        }
        let victim = [Victim::Spile, Victim::Everything, Victim::Meltano][dice.index(3)];
        let before = noted(&machine.source, "signed-in");
        let mut command = machines.command(machine, &["sync", "things", "-q"]);
        command.env("TAP_ROTATING_PAUSE", "1").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        while noted(&machine.source, "signed-in") == before && begun.elapsed() < Duration::from_mins(2) {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(dice.below(2) * dice.below(1500)));
        kill(&machine.project, &mut child, victim);
        wait(&mut child, Duration::from_secs(30));
        wait_for_quiet(&machine.project, &format!("round {round}: {victim:?}"));
        // The machine is back, and the next command on it finds what the run has left. Then the other one goes on.
        Ran(machines.command(machine, &["runs"]).output().unwrap()).succeeds();
        assert!(!machine.was_refused(), "round {round}: {victim:?}");
    }
    machines.sync(&machines.other);
    assert!(!machines.one.was_refused());
    let rows = machines.subject.database.sql("select state from integration_states where state_id like 'rotated:%'");
    assert!(rows.contains("sealed") && !rows.contains(machines.one.current().trim()), "{rows}");
}

#[test]
fn a_token_is_in_the_registry_while_its_run_still_lasts() {
    let Some(machines) = Machines::start() else { return };
    let signed_in = || noted(&machines.one.source, "signed-in");
    machines.sync(&machines.one);
    let before = signed_in();
    machines.sync(&machines.one);
    // Meltano may start a tap more than once in a run.
    let of_a_run = signed_in() - before;
    let mut command = machines.command(&machines.one, &["sync", "things", "-q"]);
    command.env("TAP_ROTATING_PAUSE", "8").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (before, finished, begun) = (signed_in(), noted(&machines.one.source, "finished"), Instant::now());
    while signed_in() < before + of_a_run {
        assert!(begun.elapsed() < Duration::from_mins(2), "it does not start");
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(noted(&machines.one.source, "finished"), finished, "the tap still reads");
    // The machine goes down and does not come back.
    child.kill().unwrap();
    wait(&mut child, Duration::from_secs(10));
    kill_all(&machines.one.project);
    machines.expire();
    machines.sync(&machines.other);
    assert!(!machines.one.was_refused());
}

#[test]
fn what_one_machine_has_rotated_is_shown_and_pulled_on_the_other() {
    let Some(machines) = Machines::start() else { return };
    let told = |machine: &Rotating, words: &[&str]| {
        Ran(machines.command(machine, words).output().unwrap()).succeeds().stdout()
    };
    machines.sync(&machines.one);
    for words in [&["secrets", "list"][..], &["plan"]] {
        assert!(told(&machines.other, words).contains("rotated by the source"), "{words:?}");
    }
    assert!(told(&machines.other, &["pull", "things"]).contains("oauth.refresh_token"));
    let rows = machines.subject.database.sql("select state from integration_states where state_id like 'rotated:%'");
    assert_eq!(rows.trim(), "{}", "the file has it now");
    told(&machines.other, &["apply", "--yes"]);
    // git brings the file.
    machines.one.project.write("integrations/things.toml", &machines.other.project.read("integrations/things.toml"));
    machines.sync(&machines.one);
    machines.sync(&machines.other);
    assert!(!machines.one.was_refused());
}
