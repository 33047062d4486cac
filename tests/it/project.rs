//! Projects with the real Meltano, installed once under `target/` and shared by the tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use serde_json::Value;
use spile_ops::Loaded;
use spile_ops::run::{Options, RunSlots};
use spile_world::processes::child_environment::ChildEnvironment;
use spile_world::processes::meltano::Host;
use spile_world::{Outside, World};

use crate::record_way;

/// A connector for the tests' own tap, whose `mode` selects its behavior.
pub const CONNECTOR: &str = r#"
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

[[settings]]
name = "token"
secret = true

[[settings]]
name = "certificate"
secret = true

[[settings]]
name = "extra"
kind = "object"
secret = true

[[settings]]
name = "start_date"
kind = "date_iso8601"

[[settings]]
name = "end_date"
kind = "date_iso8601"

[range]
end = "end_date"
"#;

/// The settings of a project with that tap; a variable tells the tap where to leave notes.
pub const FAULT: &str = "[project]\nname = 'real'\n[run]\nenv = ['TAP_FAULT_NOTES']\n";

pub const FRUIT: &str = "type = 'singer-jsonl'\nloader = 'files'\n[config]\nlocal.folders = ['data']\n";

pub const LOADER: &str = "type = 'jsonl'\nkind = 'loader'\nid = 'a3a1f3c0-54a5-4f0c-8d8e-1b7f0f6f7c11'\n\
                      [config]\ndestination_path = 'output'\ndo_timestamp_file = false\n";

/// A project in a temporary folder that shares Meltano and the plugin environments with the other tests.
pub struct Project {
    folder: Place,
}

/// The place of a project.
enum Place {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Project {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = seed();
        for (own, name) in [(".spile", "meltano"), (".meltano", "extractors"), (".meltano", "loaders")] {
            let shared = seed.join(own).join(name);
            let own = folder.path().join(own);
            spile_world::files::door::make_private(&own).unwrap();
            std::os::unix::fs::symlink(shared, own.join(name)).unwrap();
        }
        let project = Self { folder: Place::Temporary(folder) };
        project.write("spile.toml", "[project]\nname = 'real'\n");
        project
    }

    /// A project with one integration, `things`, which runs the tests' own tap.
    pub fn with_fault(mode: &str) -> Self {
        let project = Self::new();
        project.add_fault(mode);
        project.spile(&["apply", "--yes"]).succeeds();
        project
    }

    pub fn add_fault(&self, mode: &str) {
        self.add_package("taps/tap-fault");
        self.write("spile.toml", FAULT);
        self.write("connectors/fault.toml", CONNECTOR);
        self.write("integrations/files.toml", LOADER);
        self.write("integrations/things.toml", &things(mode));
    }

    /// Copies a Python package of the tests into the project's folder.
    pub fn add_package(&self, folder: &str) {
        for (path, text) in package(folder) {
            self.write(&path, &text);
        }
    }

    pub fn path(&self) -> &Path {
        match &self.folder {
            Place::Temporary(folder) => folder.path(),
            Place::Kept(folder) => folder,
        }
    }

    pub fn write(&self, path: &str, text: &str) {
        let text = if path == "spile.toml" { record_way::chosen(text) } else { text.to_owned() };
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns a call whose plugins find the notes that tests leave for them.
    pub fn command_with_notes(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        command.env("TAP_FAULT_NOTES", self.path().join("notes"));
        command
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.current_dir(self.path()).args(words).env_remove("SPILE_PYTHON");
        // Only the test decides where keys are.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SOPS_")) {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", self.path().join("config"));
        command
    }

    /// Runs the program with text on standard input.
    pub fn spile_with(&self, words: &[&str], input: &str) -> Ran {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran(child.wait_with_output().unwrap())
    }

    pub fn spile(&self, words: &[&str]) -> Ran {
        Ran(self.command(words).output().unwrap())
    }

    pub fn json(&self, words: &[&str]) -> Value {
        let Ran(output) = self.spile(&[words, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {output:?}"))
    }

    pub fn newest_run(&self) -> Value {
        self.json(&["runs"])["runs"][0].clone()
    }

    /// Runs the project's own Meltano as a user would.
    pub fn meltano(&self, words: &[&str]) -> Output {
        let program = self.path().join(".spile/meltano/bin/meltano");
        let mut command = Command::new(program);
        command.current_dir(self.path()).args(words).env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false");
        command.output().unwrap()
    }
}

/// Returns the files of a Python package below `tests/`, by their paths in a project: `tap-x/tap_x.py`.
pub fn package(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file());
    let place = |file: &PathBuf| format!("{name}/{}", file.file_name().unwrap().to_string_lossy());
    files.map(|file| (place(&file), std::fs::read_to_string(&file).unwrap())).collect()
}

/// A project as operations are given it, with what a face adds of the machine.
pub struct Opened {
    pub loaded: Arc<Loaded>,
    pub world: World,
    pub run: Options,
}

impl Opened {
    pub fn of(project: &Project) -> Self {
        let files = spile_world::Project::at(project.path());
        let loaded = Arc::new(spile_ops::check(&files).unwrap());
        let environment = loaded.environment(None).unwrap();
        let world = World::open(&files, &loaded.settings, &environment, &Outside::nothing()).unwrap();
        let host = Host {
            path: std::env::var_os("PATH").unwrap(),
            python: None,
            program: Some(env!("CARGO_BIN_EXE_spile").into()),
            warm: spile_world::processes::meltano::Warm::default(),
            environment: ChildEnvironment::of(std::env::vars_os()),
        };
        let run = Options::of(&loaded.settings.sync, environment, RunSlots::new(1), host);
        Self { loaded, world, run }
    }
}

pub fn things(mode: &str) -> String {
    format!(
        "type = 'fault'\nid = '0b8a4c4e-6f0e-4f0c-9d0e-5a7f4b0c1d21'\nloader = 'files'\n[config]\nmode = '{mode}'\n"
    )
}

pub struct Ran(pub Output);

impl Ran {
    pub fn succeeds(self) -> Self {
        assert!(self.0.status.success(), "{}\n{}", self.stdout(), self.stderr());
        self
    }

    pub fn fails(self) -> Self {
        assert_eq!(self.0.status.code(), Some(1), "{}\n{}", self.stdout(), self.stderr());
        self
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// Returns a project under `target/` in which Meltano and the plugins of the tests are installed. It is made once;
/// concurrent test programs wait for each other.
pub fn seed() -> PathBuf {
    static MADE: Once = Once::new();
    // A changed tap is a new plugin, so the old installation is useless. The same goes for the bundled plugins.
    let bundled = spile_core::connector::bundled::ALL.map(|bundled| bundled.wheel()).concat();
    let ours = [include_str!("../taps/tap-fault/tap_fault.py"), include_str!("../taps/raw-plugins/raw_plugins.py")];
    let plugins = [ours.concat().as_bytes(), &bundled].concat();
    let root =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("real-{}", &spile_core::digest::hash(&plugins)[..8]));
    let seed = root.join("seed");
    MADE.call_once(|| {
        std::fs::create_dir_all(&seed).unwrap();
        let lock = std::fs::File::create(root.join("lock")).unwrap();
        lock.lock().unwrap();
        let project = Project { folder: Place::Kept(seed.clone()) };
        project.add_fault("well");
        project.write("integrations/fruit.toml", FRUIT);
        project.write("data/fruit.singer.jsonl", include_str!("../../crates/spile-ops/src/init/fruit.singer.jsonl"));
        project.spile(&["apply", "--yes"]).succeeds();
        project.spile(&["sync"]).succeeds();
    });
    seed
}

/// A project with plugins of real sources as well: Postgres, REST APIs, DuckDB; its records go to JSON Lines.
pub fn with_sources() -> Project {
    static MADE: Once = Once::new();
    let seed = seed();
    MADE.call_once(|| {
        let lock = std::fs::File::create(seed.join("../lock")).unwrap();
        lock.lock().unwrap();
        let made = seed.join("sources");
        if made.exists() {
            return;
        }
        // Everything it installs goes into the seed.
        let project = Project::new();
        for (slug, text) in SOURCES {
            project.write(&format!("integrations/{slug}.toml"), text);
        }
        project.spile(&["secrets", "init"]).succeeds();
        project.spile_with(&["secrets", "set", "shop", "password", "--stdin"], "hunter2").succeeds();
        // Nothing answers there, but the plugins are installed first.
        let slugs: Vec<&str> = SOURCES.iter().map(|(slug, _)| *slug).filter(|slug| *slug != "duck").collect();
        let ran = project.spile(&[&["sync", "--retries", "0"], &slugs[..]].concat());
        for (role, plugin) in
            [("extractors", "tap-postgres"), ("extractors", "tap-rest-api-msdk"), ("loaders", "target-duckdb")]
        {
            let venv = seed.join(".meltano").join(role).join(plugin).join("venv/bin/python");
            assert!(venv.exists(), "{plugin} is not installed: {}{}", ran.stdout(), ran.stderr());
        }
        std::fs::write(made, "").unwrap();
    });
    let project = Project::new();
    project.write("integrations/files.toml", LOADER);
    project
}

/// Integrations that use the plugins of real sources.
const SOURCES: [(&str, &str); 3] = [
    ("duck", "type = 'duckdb'\nkind = 'loader'\n[config]\npath = 'a.duckdb'\ndefault_target_schema = 'main'\n"),
    (
        "api",
        "type = 'rest-api'\nloader = 'duck'\n[config]\napi_url = 'http://127.0.0.1:1'\nstreams = [{ name = 'a', path = '/' }]\n",
    ),
    (
        "shop",
        "type = 'postgres'\nkind = 'extractor'\nloader = 'duck'\n[config]\nhost = '127.0.0.1'\nport = 1\nuser = 'u'\ndatabase = 'd'\n",
    ),
];

pub fn wait(child: &mut Child, patience: Duration) -> std::process::ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begun.elapsed() < patience, "it does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub fn wait_for_the_tap(project: &Project) {
    let begun = Instant::now();
    // Not while it reports its streams to Meltano.
    let is_reading = |line: &String| line.contains("bin/tap-") && !line.contains("--discover");
    while !processes_of(project).iter().any(is_reading) {
        assert!(begun.elapsed() < Duration::from_mins(2), "the tap does not start");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Sends a signal.
pub fn signal(name: &str, child: &Child) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Kills every process of a project, and waits until none is left, as if the machine went down.
pub fn kill_all(project: &Project) {
    let pattern = project.path().to_string_lossy().into_owned();
    let begun = Instant::now();
    while !processes_of(project).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "they do not die: {:?}", processes_of(project));
        Command::new("pkill").args(["-KILL", "-f", &pattern]).status().unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    // Files are released a moment after the processes disappear.
    std::thread::sleep(Duration::from_millis(500));
}

/// Returns the processes whose command line contains the project's path.
pub fn processes_of(project: &Project) -> Vec<String> {
    let name = project.path().to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&name)).collect()
}

/// Returns the files with settings that must only exist during a run.
pub fn leftovers(project: &Project) -> Vec<PathBuf> {
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
