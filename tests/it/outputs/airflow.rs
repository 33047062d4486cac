//! DAGs, loaded and run by the real Airflow.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{HOSTILE, output, task, tasks};
use crate::notify::receiver::Receiver;
use crate::project::Project;
use crate::tools::{self, Said};

/// The Airflow of the tests; `tests/airflow/constraints.txt` pins its dependencies.
const AIRFLOW: &str = "3.3.2";

/// Returns the Python that has Airflow; `None` if there is no `python3`.
pub fn python() -> Option<PathBuf> {
    tools::installed(&format!("airflow-{AIRFLOW}"), "python3", install).map(|folder| folder.join("bin/python"))
}

fn install(folder: &Path) {
    let constraints = format!("{}/tests/airflow/constraints.txt", env!("CARGO_MANIFEST_DIR"));
    super::install_python(folder, &[&format!("apache-airflow=={AIRFLOW}"), "--constraint", &constraints]);
}

/// Airflow with a database of its own; it listens on no port.
struct Airflow {
    python: PathBuf,
    home: tempfile::TempDir,
    dags: PathBuf,
}

impl Airflow {
    fn at(dags: &Path) -> Option<Self> {
        Some(Self { python: python()?, home: tempfile::tempdir().unwrap(), dags: dags.to_owned() })
    }

    /// The folder in which all workers store bookmarks.
    fn state(&self) -> PathBuf {
        self.home.path().join("bookmarks")
    }

    fn says(&self, words: &[&str]) -> Said {
        let mut command = Command::new(&self.python);
        let spile = Path::new(env!("CARGO_BIN_EXE_spile")).parent().unwrap().to_owned();
        let here = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([spile].into_iter().chain(std::env::split_paths(&here))).unwrap();
        command.args(words).current_dir(self.home.path()).env("PATH", path).env("AIRFLOW_HOME", self.home.path());
        command.env("AIRFLOW__CORE__LOAD_EXAMPLES", "False").env("AIRFLOW__CORE__DAGS_FOLDER", &self.dags);
        command.env("MELTANO_STATE_BACKEND_URI", format!("file://{}", self.state().display()));
        command.env_remove("SPILE_PROJECT").env_remove("SPILE_PYTHON").env("PYTHONDONTWRITEBYTECODE", "1");
        tools::said(&mut command, "")
    }

    /// Loads a file of DAGs.
    fn loads(&self, file: &Path) -> Value {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/airflow/dags.py");
        let said = self.says(&[script, file.to_str().unwrap()]);
        // Airflow logs to the same stream first.
        let json = said.stdout.lines().last().filter(|_| said.code == Some(0));
        serde_json::from_str(json.unwrap_or_else(|| panic!("{said:?}"))).unwrap()
    }

    /// Runs a DAG once, immediately.
    fn runs(&self, dag: &str) -> Said {
        let made = self.says(&["-m", "airflow", "db", "migrate"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        self.says(&["-m", "airflow", "dags", "test", dag])
    }
}

fn loaded(declared: &str, all: Vec<spile_core::render::Task>) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let airflow = Airflow::at(folder.path())?;
    let file = folder.path().join("spile.py");
    std::fs::write(&file, output("acme", declared, &[]).render(&tasks(all)).unwrap()).unwrap();
    Some(airflow.loads(&file))
}

#[test]
fn there_is_a_dag_for_each_schedule_and_a_task_for_each_integration() {
    let all = vec![
        task("shop", "@hourly", "UTC", "Shop"),
        task("orders", "@hourly", "UTC", "Orders"),
        task("late", "0 22 * * 7", "UTC", "Late"),
        task("paris", "0 22 * * 7", "Europe/Paris", "Paris"),
        task("once", "@once", "UTC", "Once"),
    ];
    let Some(found) =
        loaded("template = 'airflow'\npath = 'dags/spile.py'\nvalues = { pools = true, retries = 0 }", all)
    else {
        return;
    };
    assert_eq!(found["errors"], json!({}));
    let told = |dag: &str| {
        let dag = &found["dags"][dag];
        let ids: Vec<&str> = dag["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
        (dag["cron"].clone(), dag["timezone"].as_str().unwrap().to_owned(), ids.join(" "))
    };
    assert_eq!(found["dags"].as_object().unwrap().len(), 4);
    assert_eq!(told("spile__acme__prod__hourly"), (json!("0 * * * *"), "UTC".into(), "orders shop".into()));
    assert_eq!(told("spile__acme__prod__0_22_x_x_7"), (json!("0 22 * * 0"), "UTC".into(), "late".into()));
    let paris = "spile__acme__prod__0_22_x_x_7__Europe.Paris";
    assert_eq!(told(paris), (json!("0 22 * * 0"), "Europe/Paris".into(), "paris".into()));
    assert_eq!(found["dags"][paris]["cron_timezone"], "Europe/Paris");
    assert_eq!(told("spile__acme__prod__once"), (Value::Null, "UTC".into(), "once".into()));
    let hourly = &found["dags"]["spile__acme__prod__hourly"];
    assert_eq!((&hourly["catchup"], &hourly["max_active_runs"]), (&json!(false), &json!(1)));
    assert_eq!(hourly["tags"], json!(["Orders", "Shop", "a tag", "spile"]));
    let shop = &hourly["tasks"][1];
    assert_eq!((&shop["pool"], &shop["retries"], &shop["name"]), (&json!("spile_Shop"), &json!(0), &json!("Shop")));
}

#[test]
fn no_name_or_schedule_breaks_the_others() {
    let long = "x".repeat(250);
    let odd =
        ["5/15 * * * *", "0 0 ? * FRI-SUN", "0 0 1 jan-MAR/2 *", "0 0 * * 1-7/3", "0 0 1,15 * 7", "59 23 31 12 *"];
    let unknown = ["0 0 L * *", "0 0 15W * *", "0 0 * * 5#2"];
    let schedules = odd.iter().chain(&unknown).enumerate();
    let mut all: Vec<_> = schedules.map(|(at, one)| task(&format!("odd-{at}"), one, "UTC", "x")).collect();
    all.push(task("hostile", "@daily", "UTC", HOSTILE));
    all.push(task(&long, "@daily", "UTC", &long));
    let Some(found) = loaded("template = 'airflow'\npath = 'spile.py'\nvalues = { pools = true }", all) else { return };
    assert_eq!(found["errors"], json!({}));
    assert_eq!(
        found["dags"].as_object().unwrap().len(),
        odd.len() + 1,
        "those that Airflow does not know are left out"
    );
    let daily = &found["dags"]["spile__acme__prod__daily"]["tasks"];
    assert_eq!((&daily[0]["id"], &daily[0]["name"]), (&json!("hostile"), &json!(HOSTILE)));
    assert_eq!((&daily[0]["templates"], &daily[1]["id"]), (&json!([]), &json!(long)));
}

/// A project with one daily integration, and its DAGs.
fn scheduled(mode: &str) -> Project {
    let project = Project::with_fault(mode);
    let things = project.read("integrations/things.toml").replace("[config]", "schedule = '@daily'\n[config]");
    project.write("integrations/things.toml", &things);
    let output = "[[outputs]]\ntemplate = 'airflow'\npath = 'dags/spile.py'\nvalues = { retries = 0 }\n";
    project.write("spile.toml", &format!("[project]\nname = 'real'\n{output}"));
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

#[test]
fn a_successful_dag_leaves_a_run_in_the_registry() {
    let project = scheduled("well");
    let Some(airflow) = Airflow::at(&project.path().join("dags")) else { return };
    let said = airflow.runs("spile__real__dev__daily");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("state=success"), "{}", said.stdout);
    let run = project.newest_run();
    assert_eq!((&run["slug"], &run["kind"], &run["status"]), (&json!("things"), &json!("sync"), &json!("ok")));
    let bookmarks = airflow.state().join("dev:tap-fault--things-to-target-jsonl--files/state.json");
    assert!(bookmarks.is_file(), "the bookmarks are not where all workers find them");
}

#[test]
fn a_failed_dag_leaves_a_failed_run_in_the_registry_and_notifies_people() {
    let project = scheduled("fail");
    let receiver = Receiver::start();
    let channel = format!("[[notify]]\nname = 'ops'\nkind = 'webhook'\nurl = '{}/hook'\n", receiver.url);
    project.write("spile.toml", &format!("{}{channel}", project.read("spile.toml")));
    let Some(airflow) = Airflow::at(&project.path().join("dags")) else { return };
    let said = airflow.runs("spile__real__dev__daily");
    assert!(format!("{}{}", said.stdout, said.stderr).contains("state=failed"), "{}{}", said.stdout, said.stderr);
    assert_eq!(project.newest_run()["status"], "failed");
    let [told] = &receiver.take()[..] else { panic!("one message") };
    let told = told.json();
    assert_eq!((&told["kind"], &told["integration"]["slug"]), (&json!("failure"), &json!("things")), "{told:#}");
    assert!(told["sentence"].as_str().unwrap().contains("access token has expired"), "{told:#}");
}
