//! Sources, parsed and checked for freshness by the real dbt.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spile_core::render::output::tasks_of;

use super::{HOSTILE, output, task, tasks, with_streams};
use crate::folder::Folder;
use crate::project::{self, CONNECTOR, FAULT};
use crate::tools::{self, Said};

/// The newest dbt that comes from the Python index alone; `tests/dbt/constraints.txt` pins its dependencies.
const DBT: &str = "1.11.16";

/// Its adapter for DuckDB.
const DBT_DUCKDB: &str = "1.11.1";

/// Returns the Python that has dbt; `None` if there is no `python3`.
pub fn python() -> Option<PathBuf> {
    tools::installed(&format!("dbt-{DBT}-{DBT_DUCKDB}"), "python3", install).map(|folder| folder.join("bin/python"))
}

fn install(folder: &Path) {
    let constraints = format!("{}/tests/dbt/constraints.txt", env!("CARGO_MANIFEST_DIR"));
    let packages = [format!("dbt-core=={DBT}"), format!("dbt-duckdb=={DBT_DUCKDB}")];
    super::install_python(folder, &[&packages[0], &packages[1], "--constraint", &constraints]);
}

/// A dbt project on a DuckDB file.
struct Dbt {
    python: PathBuf,
    folder: PathBuf,
}

impl Dbt {
    fn at(folder: &Path, database: &Path) -> Option<Self> {
        let python = python()?;
        std::fs::create_dir_all(folder.join("models")).unwrap();
        std::fs::write(folder.join("dbt_project.yml"), "name: acme\nversion: '1.0'\nprofile: acme\n").unwrap();
        let dev = json!({ "type": "duckdb", "path": database, "schema": "main" });
        let profiles = json!({ "acme": { "target": "dev", "outputs": { "dev": dev } } });
        std::fs::write(folder.join("profiles.yml"), profiles.to_string()).unwrap();
        Some(Self { python, folder: folder.to_owned() })
    }

    fn says(&self, words: &[&str]) -> Said {
        let mut command = Command::new(&self.python);
        command
            .args(["-c", "from dbt.cli.main import cli; cli()"])
            .args(words)
            .args(["--profiles-dir", ".", "--no-use-colors"])
            .current_dir(&self.folder);
        tools::said(command.env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false"), "")
    }

    fn wrote(&self, file: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.folder.join("target").join(file)).unwrap()).unwrap()
    }

    /// Parses the project and returns its sources, by their names. A deprecated key fails.
    fn sources(&self) -> Vec<(String, Value)> {
        let said = self.says(&["parse", "--warn-error", "--no-partial-parse"]);
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
        let manifest = self.wrote("manifest.json");
        let named = |one: &Value| format!("{}.{}", one["source_name"].as_str().unwrap(), one["name"].as_str().unwrap());
        let mut all: Vec<_> =
            manifest["sources"].as_object().unwrap().values().map(|one| (named(one), one.clone())).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// Checks freshness; returns the exit code and the statuses of the sources.
    fn freshness(&self) -> (Option<i32>, Vec<String>) {
        let said = self.says(&["source", "freshness"]);
        let results = self.wrote("sources.json");
        let status = |one: &Value| one["status"].as_str().unwrap_or_else(|| panic!("{said:?}")).to_owned();
        (said.code, results["results"].as_array().unwrap().iter().map(status).collect())
    }
}

#[test]
fn dbt_reads_every_name_as_it_is_and_the_freshness_of_each_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let Some(dbt) = Dbt::at(folder.path(), Path::new("a.duckdb")) else { return };
    let file = folder.path().join("models/sources.yml");
    let render =
        |declared: &str, all| std::fs::write(&file, output("acme", declared, &[]).render(&tasks(all)).unwrap());
    let declared = "template = 'dbt'\npath = 'models/sources.yml'";
    render(declared, Vec::new()).unwrap();
    assert_eq!(dbt.sources(), []);
    let hostile = HOSTILE.replace('\u{0}', "");
    let mut dotted = with_streams(task("no-time", "@once", "UTC", "x"), &["a"]);
    dotted.streams[0].schema = None;
    let all = vec![
        with_streams(task("shop", "*/15 * * * *", "UTC", &hostile), &["public-orders", "public-users"]),
        with_streams(task("weekdays", "0 6 * * 1-5", "UTC", "x"), &["a"]),
        with_streams(task("odd", "*/7 * * * *", "UTC", "x"), &["a"]),
        dotted,
        task("unknown", "@daily", "UTC", "x"),
    ];
    render(&format!("{declared}\nvalues = {{ database = 'lake', warn_after = 1, error_after = 8 }}"), all).unwrap();
    let sources = dbt.sources();
    let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["no-time.a", "odd.a", "shop.public_orders", "shop.public_users", "weekdays.a"]);
    let late = |at: usize| {
        let freshness = &sources[at].1["freshness"];
        let words = |key: &str| format!("{} {}", freshness[key]["count"], freshness[key]["period"].as_str().unwrap());
        (words("warn_after"), words("error_after"))
    };
    assert_eq!(late(1), ("7 minute".into(), "56 minute".into()), "the longest time between two runs counts");
    assert_eq!(late(2), ("15 minute".into(), "2 hour".into()));
    assert_eq!(late(4), ("3 day".into(), "24 day".into()));
    let shop = &sources[2].1;
    // dbt writes all line breaks alike.
    let description = shop["source_description"].as_str().unwrap();
    assert!(description.starts_with(&hostile.replace('\r', "\n")), "{shop:#}");
    assert_eq!((&shop["database"], &shop["schema"]), (&json!("lake"), &json!("raw")));
    assert_eq!(shop["loaded_at_field"], "_sdc_batched_at");
    let once = &sources[0].1;
    assert_eq!((&once["freshness"], &once["schema"]), (&Value::Null, &json!("main")), "{once:#}");
}

const LAKE: &str = "type = 'duckdb'\nkind = 'loader'\n[config]\npath = 'lake.duckdb'\ndefault_target_schema = 'raw'\n\
                    add_metadata_columns = true\n";

const DECLARED: &str = "[[outputs]]\ntemplate = 'dbt'\npath = 'dbt/models/sources.yml'\nvalues = { loader = 'lake' }\n";

#[test]
fn a_synced_table_is_fresh_until_its_schedule_was_missed() {
    let project = project::with_sources();
    project.add_fault("well");
    project.write("spile.toml", &format!("{FAULT}{DECLARED}"));
    project.write("integrations/lake.toml", LAKE);
    let things = project.read("integrations/things.toml").replace("'files'", "'lake'");
    project.write("integrations/things.toml", &things.replace("[config]", "schedule = '@hourly'\n[config]"));
    let said = project.spile(&["apply", "--yes"]).succeeds();
    assert!(said.stderr().contains("spile::output::no_tables"), "{}", said.stderr());
    // With a contract, the tables are known.
    project.spile(&["discover", "things", "--accept", "--yes"]).succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    let database = project.path().join("lake.duckdb");
    let Some(dbt) = Dbt::at(&project.path().join("dbt"), &database) else { return };
    project.spile(&["sync", "things"]).succeeds();
    assert_eq!(project.newest_run()["status"], "ok");
    assert_eq!(dbt.freshness(), (Some(0), vec!["pass".to_owned()]));
    for (hours, code, status) in [(3, Some(0), "warn"), (2, Some(1), "error")] {
        let older = format!(
            "import duckdb; duckdb.connect({database:?}).execute(\"update raw.things set _sdc_batched_at = \
             _sdc_batched_at - interval {hours} hour\")"
        );
        tools::succeeds(Command::new(&dbt.python).args(["-c", &older]));
        assert_eq!(dbt.freshness(), (code, vec![status.to_owned()]), "{hours} hours");
    }
    // A failed sync leaves the table as stale as it was, and a run that says so.
    project.write("integrations/things.toml", &project.read("integrations/things.toml").replace("'well'", "'fail'"));
    project.spile(&["sync", "things"]).fails();
    assert_eq!(project.newest_run()["status"], "failed");
    assert_eq!(dbt.freshness(), (Some(1), vec!["error".to_owned()]));
}

#[test]
fn only_the_tables_of_the_loader_are_listed_and_an_unknown_loader_is_a_problem() {
    let folder = Folder::project();
    let settings = format!("[project]\nname = 'acme'\n{DECLARED}");
    folder.write("spile.toml", &settings);
    folder.write("connectors/fault.toml", CONNECTOR);
    folder.write("integrations/lake.toml", LAKE);
    for (slug, loader, select) in [("shop", "lake", "['a.*', 'b.id', '!b.*']"), ("files", "other", "['c.*']")] {
        let text = format!("type = 'fault'\nloader = '{loader}'\nschedule = '@daily'\nselect = {select}\n");
        folder.write(&format!("integrations/{slug}.toml"), &text);
    }
    folder.write("integrations/other.toml", "type = 'jsonl'\nkind = 'loader'\n[config]\ndestination_path = 'x'\n");
    folder.spile("apply --yes").exits(0);
    let tasks = tasks_of(&folder.read("dbt/models/sources.yml"));
    let [(_, shop)] = &tasks.iter().collect::<Vec<_>>()[..] else { panic!("{tasks:?}") };
    let tables: Vec<_> = shop.streams.iter().map(|one| one.table.as_deref()).collect();
    assert_eq!((shop.slug.as_str(), tables), ("shop", vec![Some("a")]));
    folder.write("spile.toml", &settings.replace("'lake'", "'lak'"));
    let said = folder.spile("check").exits(1);
    assert!(
        said.notes.contains("spile::output::loader") && said.notes.contains("did you mean `lake`?"),
        "{}",
        said.notes
    );
    folder.write("spile.toml", &settings.replace("'lake'", "'other'"));
    let said = folder.spile("check").exits(0);
    let all = format!("{}{}", said.out, said.notes);
    assert!(all.contains("the loader `other` writes files"), "{all}");
}
