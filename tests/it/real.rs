//! End to end with the real Meltano: installed once under `target/`, then shared by the tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A connector of the tests' own tap, which does what its `mode` says.
const CONNECTOR: &str = r#"
kind = "extractor"
label = "Fault"

[plugin]
name = "tap-fault"
namespace = "tap_fault"
pip_url = "./tap-fault"
executable = "tap-fault"
capabilities = ["catalog", "discover", "state"]

[[settings]]
name = "mode"
"#;

const FRUIT: &str = "type = 'singer-jsonl'\nloader = 'files'\n[config]\nlocal.folders = ['data']\n";

const LOADER: &str = "type = 'jsonl'\nkind = 'loader'\nid = 'a3a1f3c0-54a5-4f0c-8d8e-1b7f0f6f7c11'\n\
                      [config]\ndestination_path = 'output'\ndo_timestamp_file = false\n";

/// A project in a temporary folder that shares Meltano and the plugins' environments with the other tests'.
struct Project {
    folder: Place,
}

/// Where a project is.
enum Place {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = seed();
        for (own, name) in [(".spile", "meltano"), (".meltano", "extractors"), (".meltano", "loaders")] {
            let shared = seed.join(own).join(name);
            let own = folder.path().join(own);
            spile::world::project::make_private(&own).unwrap();
            std::os::unix::fs::symlink(shared, own.join(name)).unwrap();
        }
        let project = Self { folder: Place::Temporary(folder) };
        project.write("spile.toml", "[project]\nname = 'real'\n");
        project
    }

    /// A project whose one integration, `things`, runs the tests' own tap.
    fn with_fault(mode: &str) -> Self {
        let project = Self::new();
        project.add_fault(mode);
        project.spile(&["apply", "--yes"]).succeeds();
        project
    }

    fn add_fault(&self, mode: &str) {
        let tap = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/taps/tap-fault");
        for file in ["pyproject.toml", "tap_fault.py"] {
            self.write(&format!("tap-fault/{file}"), &std::fs::read_to_string(tap.join(file)).unwrap());
        }
        self.write("spile.toml", "[project]\nname = 'real'\n");
        self.write("connectors/fault.toml", CONNECTOR);
        self.write("integrations/files.toml", LOADER);
        self.write("integrations/things.toml", &things(mode));
    }

    fn path(&self) -> &Path {
        match &self.folder {
            Place::Temporary(folder) => folder.path(),
            Place::Kept(folder) => folder,
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.current_dir(self.path()).args(words).env_remove("SPILE_PYTHON");
        command
    }

    fn spile(&self, words: &[&str]) -> Ran {
        Ran(self.command(words).output().unwrap())
    }

    fn json(&self, words: &[&str]) -> Value {
        let Ran(output) = self.spile(&[words, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"))
    }

    fn newest_run(&self) -> Value {
        self.json(&["runs"])["runs"][0].clone()
    }

    /// Runs the project's own Meltano as a user would.
    fn meltano(&self, words: &[&str]) -> Output {
        let program = self.path().join(".spile/meltano/bin/meltano");
        let mut command = Command::new(program);
        command.current_dir(self.path()).args(words).env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false");
        command.output().unwrap()
    }
}

fn things(mode: &str) -> String {
    format!(
        "type = 'fault'\nid = '0b8a4c4e-6f0e-4f0c-9d0e-5a7f4b0c1d21'\nloader = 'files'\n[config]\nmode = '{mode}'\n"
    )
}

struct Ran(Output);

impl Ran {
    fn succeeds(self) -> Self {
        assert!(self.0.status.success(), "{}\n{}", self.stdout(), self.stderr());
        self
    }

    fn fails(self) -> Self {
        assert_eq!(self.0.status.code(), Some(1), "{}\n{}", self.stdout(), self.stderr());
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// Returns a project under `target/` in which Meltano and the plugins of the tests are installed; made once, test
/// programs side by side wait for each other.
fn seed() -> PathBuf {
    static MADE: Once = Once::new();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real");
    let seed = root.join("seed");
    MADE.call_once(|| {
        std::fs::create_dir_all(&seed).unwrap();
        let lock = std::fs::File::create(root.join("lock")).unwrap();
        lock.lock().unwrap();
        let project = Project { folder: Place::Kept(seed.clone()) };
        project.add_fault("well");
        project.write("integrations/fruit.toml", FRUIT);
        project.write("data/fruit.singer.jsonl", include_str!("../../src/ops/init/fruit.singer.jsonl"));
        project.spile(&["apply", "--yes"]).succeeds();
        project.spile(&["sync"]).succeeds();
    });
    seed
}

fn wait(child: &mut Child, patience: Duration) -> std::process::ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begun.elapsed() < patience, "it does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn wait_for_the_tap(project: &Project) {
    let begun = Instant::now();
    while !processes_of(project).iter().any(|line| line.contains("tap-fault") && line.contains("--config")) {
        assert!(begun.elapsed() < Duration::from_mins(2), "the tap does not start");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn signal(name: &str, child: &Child) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Returns the processes whose command line names the project.
fn processes_of(project: &Project) -> Vec<String> {
    let name = project.path().to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&name)).collect()
}

#[test]
fn a_new_project_goes_up_in_one_command_and_has_nothing_left_to_do() {
    let project = Project::new();
    std::fs::remove_file(project.path().join("spile.toml")).unwrap();
    project.spile(&["init", "--name", "fruit"]).succeeds();
    project.spile(&["up", "--yes"]).succeeds();
    assert_eq!(project.read("output/fruit.jsonl").lines().count(), 3);
    project.spile(&["plan", "--exit-code"]).succeeds();
    let runs = project.json(&["runs"])["runs"].as_array().unwrap().clone();
    let told: Vec<_> =
        runs.iter().map(|run| (run["kind"].as_str().unwrap(), run["status"].as_str().unwrap())).collect();
    assert_eq!(told, [("sync", "ok"), ("test", "ok")]);
    assert_eq!(runs[0]["records"], 3);
    assert_eq!(project.json(&["status"])["integrations"][0]["status"], "active");
    let log = project.spile(&["logs", "example"]).succeeds().stdout();
    assert!(log.contains("Run completed"), "{log}");
}

#[test]
fn meltano_takes_every_built_in_connector_without_a_hub_and_without_a_warning() {
    let project = Project::new();
    for (name, kind, config) in [
        ("github", "extractor", "repositories = ['a/b']\n"),
        ("mysql", "extractor", "host = 'h'\nport = 3306\nuser = 'u'\n"),
        ("postgres", "extractor", "host = 'h'\nuser = 'u'\ndatabase = 'd'\n"),
        ("rest-api", "extractor", "api_url = 'https://example.com'\nstreams = [{ name = 's', path = '/s' }]\n"),
        ("salesforce", "extractor", "start_date = 2024-01-01T00:00:00Z\napi_type = 'REST'\n"),
        ("singer-jsonl", "extractor", "local.folders = ['data']\n"),
        ("stripe", "extractor", "start_date = 2024-01-01T00:00:00Z\naccount_id = 'a'\n"),
        ("csv", "loader", ""),
        ("duckdb", "loader", "path = 'a.duckdb'\ndefault_target_schema = 'main'\n"),
        ("jsonl", "loader", ""),
        ("postgres", "loader", "host = 'h'\nuser = 'u'\ndatabase = 'd'\n"),
    ] {
        let text = format!("type = '{name}'\nkind = '{kind}'\n[config]\n{config}");
        project.write(&format!("integrations/{name}-{kind}.toml"), &text);
    }
    project.write("integrations/singer-jsonl-extractor.prod.toml", "[config]\nlocal.folders = ['other']\n");
    project.write("spile.toml", "[project]\nname = 'real'\n[environments.dev]\n[environments.prod]\n");
    project.spile(&["apply", "--yes"]).succeeds();
    for words in [
        vec!["compile"],
        vec!["--environment", "prod", "config", "list", "tap-singer-jsonl--singer-jsonl-extractor"],
        vec!["config", "list", "tap-salesforce--salesforce-extractor"],
    ] {
        let ran = Ran(project.meltano(&words)).succeeds();
        let noise: Vec<_> = ran.0.stderr.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect();
        let bad: Vec<_> =
            noise.iter().filter(|line| line.to_lowercase().contains("warn") || line.contains("hub")).collect();
        assert!(bad.is_empty(), "{words:?}: {bad:?}");
    }
    let prod =
        Ran(project.meltano(&["--environment", "prod", "config", "print", "tap-singer-jsonl--singer-jsonl-extractor"]));
    assert!(prod.stdout().contains("other"), "{}{}", prod.stdout(), prod.stderr());
}

#[test]
fn a_failing_tap_is_reported_by_its_last_error_and_keeps_its_whole_log() {
    let project = Project::with_fault("fail");
    let ran = project.spile(&["test", "things"]).fails();
    assert!(ran.stdout().contains("access token has expired"), "{}\n{}", ran.stdout(), ran.stderr());
    assert!(!ran.stdout().contains("Traceback"), "{}", ran.stdout());
    let ran = project.spile(&["sync", "things"]).fails();
    assert!(ran.stdout().contains("access token has expired"), "{}\n{}", ran.stdout(), ran.stderr());
    assert_eq!(project.newest_run()["status"], "failed");
    let status = project.json(&["status"]);
    let things = status["integrations"].as_array().unwrap().iter().find(|one| one["slug"] == "things").unwrap();
    assert_eq!(things["status"], "error");
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    assert!(log.contains("Traceback") && log.contains("the socket was closed"), "{log}");
}

#[test]
fn a_sync_goes_on_from_its_bookmark_also_by_hand_and_after_a_rename() {
    let project = Project::with_fault("well");
    project.spile(&["sync"]).succeeds();
    assert_eq!(project.newest_run()["records"], 3);
    assert_eq!(project.newest_run()["state_id"], "dev:tap-fault--things-to-target-jsonl--files");
    Ran(project.meltano(&["--environment", "dev", "run", "tap-fault--things", "target-jsonl--files"])).succeeds();
    std::fs::rename(project.path().join("integrations/things.toml"), project.path().join("integrations/stuff.toml"))
        .unwrap();
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync"]).succeeds();
    let ids: Vec<i64> = project
        .read("output/things.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_tap_that_hangs_is_stopped_in_time_and_leaves_nothing_running() {
    for mode in ["hang", "stubborn"] {
        let project = Project::with_fault(mode);
        let ran = project.spile(&["sync", "--timeout", "8"]).fails();
        assert!(ran.stdout().contains("stopped after 8 seconds"), "{}\n{}", ran.stdout(), ran.stderr());
        assert_eq!(processes_of(&project), Vec::<String>::new(), "{mode}");
        assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    }
}

#[test]
fn ctrl_c_is_passed_on_and_waited_for() {
    let project = Project::with_fault("hang");
    let mut child = project.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    signal("-INT", &child);
    assert_eq!(wait(&mut child, Duration::from_mins(1)).code(), Some(1));
    assert_eq!(project.newest_run()["status"], "cancelled");
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn what_a_killed_run_leaves_behind_is_swept_by_the_next() {
    let project = Project::with_fault("hang");
    let mut child = project.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_the_tap(&project);
    let lines = processes_of(&project);
    assert!(!leftovers(&project).is_empty(), "a run has files while it lasts");
    signal("-KILL", &child);
    wait(&mut child, Duration::from_secs(10));
    // What outlives the killed program is killed too: machines go down as a whole.
    let pattern = project.path().to_string_lossy().into_owned();
    Command::new("pkill").args(["-KILL", "-f", &pattern]).status().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!lines.is_empty());
    project.write("integrations/things.toml", &things("well"));
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["test"]).succeeds();
    assert!(leftovers(&project).is_empty(), "{:?} {}", leftovers(&project), ran.stderr());
}

/// Returns the files with settings that runs keep only while they last.
fn leftovers(project: &Project) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let runs = project.path().join(".spile/runs");
    let runs = std::fs::read_dir(runs).into_iter().flatten().flatten().map(|run| run.path());
    found.extend(runs.filter(|run| run.is_dir()));
    let plugins = std::fs::read_dir(project.path().join(".meltano/run")).into_iter().flatten().flatten();
    for plugin in plugins.filter(|plugin| plugin.path().is_dir()) {
        let files = std::fs::read_dir(plugin.path()).unwrap().flatten().map(|file| file.path());
        found.extend(files.filter(|file| file.to_string_lossy().ends_with(".config.json")));
    }
    found
}

#[test]
fn several_at_a_time_all_end_well() {
    let project = Project::with_fault("well");
    for number in 0..3 {
        let text = format!("type = 'fault'\nloader = 'to-{number}'\n");
        project.write(&format!("integrations/more-{number}.toml"), &text);
        let loader = format!(
            "type = 'jsonl'\nkind = 'loader'\n[config]\ndestination_path = 'output/{number}'\ndo_timestamp_file = false\n"
        );
        project.write(&format!("integrations/to-{number}.toml"), &loader);
    }
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["sync", "--jobs", "4"]).succeeds();
    assert_eq!(ran.stdout().matches(" ok ").count(), 4, "{}", ran.stdout());
    for number in 0..3 {
        assert_eq!(project.read(&format!("output/{number}/things.jsonl")).lines().count(), 3);
    }
}

#[test]
fn a_plugin_that_cannot_be_installed_is_a_failed_run_with_the_reason() {
    let project = Project::with_fault("well");
    let nobodys = CONNECTOR.replace("./tap-fault", "tap-that-nobody-has-published==1.0");
    project.write("connectors/fault.toml", &nobodys.replace("\"tap-fault\"", "\"tap-nobodys\""));
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["test"]).fails();
    assert!(ran.stdout().contains("tap-that-nobody-has-published"), "{}\n{}", ran.stdout(), ran.stderr());
}

#[test]
fn without_a_python_the_error_says_so() {
    let project = Project::with_fault("well");
    std::fs::remove_file(project.path().join(".spile/meltano")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let Ran(output) = Ran(project.command(&["test"]).env("PATH", empty.path()).output().unwrap()).fails();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("there is no Python") && told.contains("install Python 3.10"), "{told}");
}
