//! Apply, killed at any moment: each target is before or after, and the next apply finishes it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::folder::Folder;

const ROUNDS: u32 = 50;
const INTEGRATIONS: u32 = 20;

fn declare(folder: &Folder, round: u32) {
    for number in 0..INTEGRATIONS {
        folder.integration(&format!("fruit-{number}"), &format!("data-{round}"));
    }
}

/// Returns the number of changes in a plan for each target: registry, then `meltano.yml`.
fn left(folder: &Folder) -> (u32, u32) {
    let plan = folder.spile("plan --format json").exits(0).json();
    let changes = plan["changes"].as_array().unwrap();
    let of = |target: &str| u32::try_from(changes.iter().filter(|change| change["target"] == target).count()).unwrap();
    (of("registry"), of("meltano"))
}

fn apply_and_kill(folder: &Folder, after: Duration) {
    let mut command = folder.command("apply --yes");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn an_older_program_does_not_forget_a_killed_run() {
    let folder = Folder::project();
    let loaded = spile_ops::check(&spile_world::Project::at(folder.path())).unwrap();
    let outside = spile_world::Outside::nothing();
    let project = spile_world::Project::at(folder.path());
    let unsaved = spile_world::World::offline(&project, &loaded.settings, &outside);
    let marker = ".spile/died/0d9a3f2e-7a53-4a6c-8a46-2f2f4c1d2e3f";
    folder.write(marker, "dev");
    spile_ops::run::bury(&unsaved, &"dev".parse().unwrap()).await.unwrap();
    assert!(folder.join(marker).exists(), "the registry does not know yet");
}

fn time_of_an_apply(folder: &Folder) -> Duration {
    let begun = Instant::now();
    folder.spile("apply --yes").exits(0);
    begun.elapsed()
}

#[test]
fn an_output_is_before_or_after_an_apply_that_was_killed() {
    let folder = Folder::project();
    let output = "[[outputs]]\ntemplate = \"airflow\"\npath = \"dags/spile.py\"\n";
    folder.write("spile.toml", &format!("[project]\nname = \"acme\"\n{output}"));
    let declare = |round: u32| {
        let head = format!("type = \"singer-jsonl\"\nloader = \"lake\"\nschedule = \"{} 3 * * *\"\n", round % 60);
        folder.write("integrations/fruit.toml", &format!("{head}[config]\nlocal.folders = [\"data\"]\n"));
    };
    declare(0);
    folder.spile("apply --yes").exits(0);
    declare(1);
    let whole = time_of_an_apply(&folder);
    let mut seen = [0; 2];
    for round in 2..30 {
        let before = folder.read("dags/spile.py");
        declare(round);
        apply_and_kill(&folder, whole * (round - 2) / 20);
        let now = folder.read("dags/spile.py");
        folder.spile("apply --yes").exits(0);
        let after = folder.read("dags/spile.py");
        let state = [&before, &after].iter().position(|state| **state == now);
        seen[state.unwrap_or_else(|| panic!("round {round}: half-written: {now}"))] += 1;
        folder.spile("plan --exit-code").exits(0);
    }
    assert!(seen.iter().all(|times| *times > 0), "killed only before or only after: {seen:?}");
    assert_eq!(folder.join("dags").read_dir().unwrap().count(), 1, "something is left behind");
}

#[test]
fn apply_killed_at_any_instant_is_finished_by_the_next_one() {
    let folder = Folder::project();
    folder.remove("integrations/fruit.toml");
    folder.write("spile.toml", "[project]\nname = \"acme\"\n[guard]\nmax_change_percent = 100\n");
    declare(&folder, 0);
    folder.spile("apply --yes").exits(0);
    declare(&folder, 1);
    let mut whole = time_of_an_apply(&folder);
    let mut seen = [0; 3];
    for round in 0..ROUNDS {
        declare(&folder, round + 2);
        apply_and_kill(&folder, whole * round / (ROUNDS - 15));
        let left = left(&folder);
        let state = [(INTEGRATIONS, INTEGRATIONS), (0, INTEGRATIONS), (0, 0)].iter().position(|state| *state == left);
        seen[state.unwrap_or_else(|| panic!("round {round}: half-written, {left:?} are left"))] += 1;
        whole = time_of_an_apply(&folder);
        folder.spile("plan --exit-code").exits(0);
    }
    assert!(seen[0] > 0 && seen[0] < ROUNDS, "killed only before or only after: {seen:?}");
    let names = folder.files().into_keys().map(|path| path.to_string_lossy().into_owned());
    let litter: Vec<String> = names.filter(|name| name.contains(".spile.") || name.ends_with("-journal")).collect();
    assert!(litter.is_empty(), "left behind by killed runs: {litter:?}");
}
