//! Workflows of GitHub Actions: read by actionlint, and their steps run as the runner does.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use spile_core::problem::Problems;
use spile_core::render::Task;
use spile_core::render::output::tasks_of;

use super::{HOSTILE, output, task, tasks};
use crate::project::{FAULT, Project};
use crate::tools::{actionlint, said};

const DECLARED: &str = "template = 'github'\npath = '.github/workflows/sync.yml'";

fn rendered(declared: &str, all: Vec<Task>) -> String {
    output("acme", declared, &[]).render(&tasks(all)).unwrap()
}

fn parsed(text: &str) -> Value {
    yaml_serde::from_str(text).unwrap()
}

/// Returns the condition of each job.
fn started(workflow: &Value) -> Vec<&str> {
    workflow["jobs"].as_object().unwrap().values().map(|job| job["if"].as_str().unwrap()).collect()
}

#[test]
fn actionlint_accepts_every_workflow() {
    let Some(actionlint) = actionlint() else { return };
    let odd = ["0 0 ? * FRI-SUN", "0 0 1 jan-MAR/2 *", "*/20 * */2 * *", "0 0 * * 1-7/3", "@monthly", "0 0 1 * *"];
    let odd = odd.iter().enumerate().map(|(at, one)| task(&format!("odd-{at}"), one, "UTC", HOSTILE));
    let many = (0..300).map(|number| task(&format!("many-{number}"), "@daily", "Etc/UTC", "x"));
    let values =
        "values = { secrets = ['SOPS_AGE_KEY', 'SUPABASE_URL'], environment = 'production', version = '1.0.0' }";
    for (what, text) in [
        ("odd", rendered(DECLARED, odd.collect())),
        ("many", rendered(DECLARED, many.collect())),
        ("values", rendered(&format!("{DECLARED}\n{values}"), vec![task("shop", "@hourly", "UTC", HOSTILE)])),
        ("none", rendered(DECLARED, Vec::new())),
        ("no schedule", rendered(DECLARED, vec![task("shop", "@once", "UTC", "x")])),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        std::fs::write(folder.path().join(".github/workflows/sync.yml"), &text).unwrap();
        let told = said(Command::new(&actionlint).current_dir(folder.path()), "");
        assert_eq!(told.code, Some(0), "{what}: {}{}\n{text}", told.stdout, told.stderr);
        let workflow = parsed(&text);
        for job in workflow["jobs"].as_object().unwrap().values() {
            let matrix = job["strategy"]["matrix"]["integration"].as_array();
            assert!(matrix.is_none_or(|all| all.len() <= 256), "{what}: GitHub starts no more jobs of a matrix");
        }
    }
}

#[test]
fn integrations_of_one_schedule_share_a_job_and_what_github_cannot_express_is_left_out() {
    let all = || {
        tasks(vec![
            task("shop", "@daily", "UTC", "x"),
            task("crm", "0 0 * * *", "UTC", "x"),
            task("ads", "@daily", "Etc/UTC", "x"),
            task("paris", "30 6 * * *", "Europe/Paris", "x"),
            task("once", "@once", "UTC", "x"),
        ])
    };
    let output = output("acme", DECLARED, &[]);
    let text = output.render(&all()).unwrap();
    let workflow = parsed(&text);
    assert_eq!(workflow["on"]["schedule"].as_array().unwrap().len(), 1, "one cron for all: {text}");
    assert_eq!(started(&workflow).iter().filter(|one| **one == "github.event.schedule == '0 0 * * *'").count(), 3);
    let by_hand = &workflow["on"]["workflow_dispatch"]["inputs"]["integration"]["options"];
    assert_eq!(by_hand.as_array().unwrap().len(), 5, "each can be started by hand: {by_hand}");
    let mut found: Vec<String> = tasks_of(&text).iter().map(|(_, task)| task.slug.to_string()).collect();
    found.sort();
    assert_eq!(found, ["ads", "crm", "shop"], "what is in the file is read back from it");
    let mut problems = Problems::default();
    output.advise(&all(), &text, &mut problems);
    let told: Vec<String> = problems.into_report().problems().iter().map(|one| one.finding().to_string()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|one| one.contains("`paris` is left out") && one.contains("Europe/Paris")), "{told:?}");
    assert!(told.iter().any(|one| one.contains("`once` is left out") && one.contains("@once")), "{told:?}");
}

#[test]
fn a_value_that_could_be_an_expression_is_refused_at_its_place() {
    let project = Project::new();
    for (values, why) in [
        ("secrets = ['A }}', 'GITHUB_TOKEN']", "is not the name of a secret"),
        ("environment = '${{ secrets.X }}'", "has signs that a workflow cannot contain"),
        ("version = '1; rm'", "has signs that a workflow cannot contain"),
        ("retries = 1", "retries"),
    ] {
        project.write("spile.toml", &format!("{FAULT}[[outputs]]\n{DECLARED}\nvalues = {{ {values} }}\n"));
        let told = project.spile(&["check"]).fails().stderr();
        assert!(told.contains(why) && told.contains("spile.toml:"), "{values}: {told}");
    }
}

/// Runs the steps of the job with a schedule, as the runner does: in the project, with bash and what the step declares.
fn ran(mode: &str) -> (Project, Output) {
    let project = Project::with_fault(mode);
    let things = project.read("integrations/things.toml");
    project.write("integrations/things.toml", &things.replace("[config]", "schedule = '@daily'\n[config]"));
    let values = "values = { secrets = ['TAP_FAULT_NOTES'] }";
    project.write("spile.toml", &format!("{FAULT}[[outputs]]\n{DECLARED}\n{values}\n"));
    project.spile(&["apply", "--yes"]).succeeds();
    let workflow = parsed(&project.read(".github/workflows/sync.yml"));
    let job = workflow["jobs"].as_object().unwrap().values().find(|job| job["strategy"].is_object()).unwrap();
    let matrix = job["strategy"]["matrix"]["integration"].as_array().unwrap();
    assert_eq!(matrix.len(), 1);
    let step = job["steps"].as_array().unwrap().iter().find(|step| step["name"] == "Sync").unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_spile")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
    bash.current_dir(project.path()).env_clear().env("PATH", path).env("HOME", project.path());
    for (name, value) in step["env"].as_object().unwrap() {
        bash.env(
            name,
            match value.as_str().unwrap() {
                "${{ matrix.integration }}" => matrix[0].as_str().unwrap().to_owned(),
                "${{ secrets.TAP_FAULT_NOTES }}" => project.path().display().to_string(),
                plain => plain.to_owned(),
            },
        );
    }
    let output = bash.output().unwrap();
    (project, output)
}

#[test]
fn a_job_syncs_and_its_failure_is_one_of_the_workflow() {
    let (project, done) = ran("well");
    assert!(done.status.success(), "{done:?}");
    let run = project.newest_run();
    assert_eq!((&run["slug"], &run["status"]), (&"things".into(), &"ok".into()), "{run:#}");

    let (project, done) = ran("fail");
    assert!(!done.status.success(), "{done:?}");
    let run = project.newest_run();
    assert_eq!((&run["slug"], &run["status"]), (&"things".into(), &"failed".into()), "{run:#}");
}
