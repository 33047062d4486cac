//! Outputs in plans and applies: shown, applied, refused and left unchanged.

use serde_json::{Value, json};
use spile_core::render::output::tasks_of;

use crate::folder::Folder;

const AIRFLOW: &str = "[[outputs]]\ntemplate = \"airflow\"\npath = \"dags/spile.py\"\n";

fn declare(folder: &Folder, slug: &str, more: &str) {
    let text = format!("type = \"singer-jsonl\"\nloader = \"lake\"\n{more}\n[config]\nlocal.folders = [\"data\"]\n");
    folder.write(&format!("integrations/{slug}.toml"), &text);
}

/// An applied project with two daily integrations.
fn applied(outputs: &str) -> Folder {
    let folder = Folder::project();
    folder.write(
        "spile.toml",
        &format!("[project]\nname = \"acme\"\n[environments.dev]\n[environments.prod]\n{outputs}"),
    );
    declare(&folder, "fruit", "schedule = \"@daily\"");
    declare(&folder, "moons", "schedule = \"@daily\"");
    folder.spile("apply --yes").exits(0);
    folder
}

fn files(plan: &Value) -> Vec<(&str, &str)> {
    plan["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["action"].as_str().unwrap()))
        .collect()
}

fn schedules(folder: &Folder) -> Vec<(String, String)> {
    let tasks = tasks_of(&folder.read("dags/spile.py"));
    let mut all: Vec<_> = tasks.iter().map(|(_, task)| (task.slug.to_string(), task.schedule.clone())).collect();
    all.sort();
    all
}

fn of(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(slug, schedule)| ((*slug).to_owned(), (*schedule).to_owned())).collect()
}

#[test]
fn a_change_of_an_output_alone_is_a_change() {
    let folder = applied(AIRFLOW);
    folder.spile("plan --exit-code").exits(0);
    // Tags are in no row and in no entry.
    declare(&folder, "moons", "schedule = \"@daily\"\ntags = [\"sky\"]");
    let plan = folder.spile("plan --exit-code --format json").exits(2).json();
    assert_eq!((files(&plan), plan["changes"].as_array().unwrap().len()), (vec![("dags/spile.py", "update")], 0));
    assert!(plan["files"][0]["diff"].as_str().unwrap().contains("+    tags=[\"spile\", \"sky\"],"), "{plan}");
    let text = folder.spile("plan").exits(0);
    assert_eq!(
        text.last_line(),
        "Plan: 0 to create, 0 to update, 0 to delete, 3 unchanged; dags/spile.py to be rendered"
    );
    assert!(
        folder.spile("plan --format markdown").exits(0).out.contains("<b>dags/spile.py</b> will be rendered again")
    );
    assert!(folder.spile("apply --yes").exits(0).notes.contains("Wrote dags/spile.py"));
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn an_output_that_was_edited_is_rendered_again() {
    let folder = applied(AIRFLOW);
    let whole = folder.read("dags/spile.py");
    folder.write("dags/spile.py", &whole.replace("catchup=False", "catchup=True"));
    folder.spile("plan --exit-code --offline").exits(2);
    folder.spile("apply --yes").exits(0);
    assert_eq!(folder.read("dags/spile.py"), whole);
    folder.remove("dags/spile.py");
    let plan = folder.spile("plan --format json").exits(0).json();
    assert_eq!(files(&plan), [("dags/spile.py", "create")]);
}

#[test]
fn someone_elses_file_stops_everything() {
    let folder = applied("");
    folder.write("dags/spile.py", "import os\n");
    folder.write("spile.toml", &format!("[project]\nname = \"acme\"\n{AIRFLOW}"));
    declare(&folder, "more", "schedule = \"@daily\"");
    let before = folder.files();
    for line in ["plan", "plan --offline", "apply --yes"] {
        let came = folder.spile(line).exits(1);
        assert!(came.notes.contains("`dags/spile.py` was not rendered by spile"), "{}", came.notes);
    }
    assert_eq!(folder.files(), before);
}

#[test]
fn a_saved_plan_knows_its_outputs() {
    let folder = applied(AIRFLOW);
    declare(&folder, "moons", "schedule = \"@hourly\"");
    folder.spile("plan --out plan.json").exits(0);
    assert!(folder.spile("plan show plan.json").exits(0).out.contains("dags/spile.py will be rendered again"));
    let whole = folder.read("dags/spile.py");
    folder.write("dags/spile.py", &whole.replace("catchup=False", "catchup=True"));
    let before = folder.files();
    let came = folder.spile("apply --yes plan.json").exits(5);
    assert!(came.notes.contains("`dags/spile.py` now renders differently"), "{}", came.notes);
    assert_eq!(folder.files(), before);
    folder.write("dags/spile.py", &whole);
    folder.spile("apply --yes plan.json").exits(0);
    assert_eq!(schedules(&folder), of(&[("fruit", "@daily"), ("moons", "@hourly")]));
}

#[test]
fn a_partial_plan_leaves_other_parts_of_an_output_unchanged() {
    let folder = applied(AIRFLOW);
    declare(&folder, "fruit", "schedule = \"@weekly\"");
    declare(&folder, "moons", "schedule = \"@hourly\"");
    declare(&folder, "stars", "schedule = \"@yearly\"");
    folder.spile("apply --yes --only moons").exits(0);
    assert_eq!(schedules(&folder), of(&[("fruit", "@daily"), ("moons", "@hourly")]));
    folder.spile("plan --exit-code --only moons").exits(0);
    folder.remove("integrations/moons.toml");
    folder.spile("apply --yes --only moons --allow delete=1").exits(0);
    assert_eq!(schedules(&folder), of(&[("fruit", "@daily")]));
    folder.spile("apply --yes").exits(0);
    assert_eq!(schedules(&folder), of(&[("fruit", "@weekly"), ("stars", "@yearly")]));
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn a_partial_plan_leaves_an_output_without_separable_parts() {
    let own = "[[outputs]]\ntemplate = \"templates/list.j2\"\npath = \"list.txt\"\n";
    let folder = Folder::project();
    folder.write(
        "templates/list.j2",
        "{{ marker|safe }}\n{% for one in integrations %}\n{{ one.slug|safe }} {{ one.schedule|safe }}\n{% endfor %}\n",
    );
    folder.write("spile.toml", &format!("[project]\nname = \"acme\"\n{own}"));
    declare(&folder, "fruit", "schedule = \"@daily\"");
    folder.spile("apply --yes").exits(0);
    let before = folder.read("list.txt");
    declare(&folder, "fruit", "schedule = \"@hourly\"");
    let plan = folder.spile("plan --only fruit --format json").exits(0).json();
    assert_eq!(plan["outputs_left"], json!(["list.txt"]));
    let came = folder.spile("apply --yes --only fruit").exits(0);
    assert!(came.out.contains("`list.txt` stays unchanged: only a full plan renders it"), "{}", came.out);
    assert_eq!(folder.read("list.txt"), before);
    folder.spile("apply --yes").exits(0);
    assert!(folder.read("list.txt").ends_with("fruit @hourly\n"));
}

#[test]
fn a_rollback_leaves_outputs_to_the_files() {
    let folder = applied(AIRFLOW);
    declare(&folder, "moons", "schedule = \"@hourly\"");
    folder.spile("apply --yes").exits(0);
    let first = folder.spile("history --format json").exits(0).json()["applies"][1]["id"].as_str().unwrap().to_owned();
    folder.spile(&format!("rollback {first} --yes")).exits(0);
    assert!(folder.read("meltano.yml").contains("interval: '@daily'\n  job: moons"), "{}", folder.read("meltano.yml"));
    assert_eq!(schedules(&folder), of(&[("fruit", "@daily"), ("moons", "@hourly")]));
}

#[test]
fn integrations_that_an_output_cannot_run_are_reported() {
    let cronjobs = "[[outputs]]\ntemplate = \"kubernetes\"\npath = \"jobs.yml\"\nvalues = { image = \"x\" }\n";
    let folder = applied(&format!("{cronjobs}{AIRFLOW}"));
    declare(&folder, "moons", "schedule = \"@once\"");
    let came = folder.spile("check --format json").exits(0).json();
    let found = came["problems"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{came}");
    assert_eq!(found[0]["message"], "`moons` is left out of the output `jobs.yml`, which cannot express `@once`");
}
