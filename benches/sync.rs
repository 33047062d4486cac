//! The time of a sync compared with `meltano run` of the same two plugins, in a small project and in one of a thousand
//! integrations, and what a source with thousands of streams costs beyond its tap. `cargo bench --bench sync`; they run
//! in turns, and the fastest runs are compared besides the medians: noise only adds time. Also eight tables of a real
//! Postgres, with one process and with two side by side. Meltano and the plugins are installed first, under `target/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench may fail by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]
#![allow(dead_code, unreachable_pub, reason = "the parts are those of the tests, which use more of them")]

mod parts;
#[path = "../tests/it/supabase/postgres.rs"]
mod postgres;
#[path = "../tests/it/supabase/server.rs"]
mod server;
#[path = "../tests/it/tools.rs"]
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use parts::{Against, Took, in_turns, median, once, row, table, write};
use postgres::Postgres;

const ROUNDS: usize = 15;

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-sync");
    let project = Project { folder };
    project.set_up();
    table("A sync beside `meltano run` of the same plugins");
    project.measure(1, "1.03");
    project.grow(1_000);
    project.measure(1_000, "0.5");
    Offer::set_up().measure();
    Fast::set_up().measure();
    if let Some(tables) = Tables::set_up() {
        tables.measure();
    }
}

/// Eight tables of a real Postgres, whose records go to JSON Lines.
struct Tables {
    folder: PathBuf,
}

/// How many tables there are.
const TABLES: usize = 8;

/// How many rows each table has.
const TABLE_ROWS: usize = 100_000;

impl Tables {
    fn set_up() -> Option<Self> {
        let server = Postgres::shared()?;
        let sql = |text: &str| server.sql("postgres", text).unwrap();
        for table in 0..TABLES {
            sql(&format!(
                "create table t{table}(id bigint primary key, name text, updated_at timestamptz not null); \
                 insert into t{table} select g, 'row ' || g, '2026-01-01'::timestamptz + g * interval '1 second' \
                 from generate_series(1, {TABLE_ROWS}) g; grant select on t{table} to shop"
            ));
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-tables");
        drop(std::fs::remove_dir_all(&folder));
        write(&folder, "integrations/files.toml", FILES);
        let shop = format!(
            "type = 'postgres'\nloader = 'files'\nselect = ['public-t*.*']\n[config]\n\
             host = '127.0.0.1'\nport = {}\nuser = 'shop'\ndatabase = 'postgres'\nfilter_schemas = ['public']\n",
            server.port
        );
        write(&folder, "integrations/shop.toml", &shop);
        write(&folder, "password", "hunter2");
        let this = Self { folder };
        this.divides(1);
        // Without a repository of its own, the encryption rules of this one apply.
        succeeds(Command::new("git").args(["init", "--quiet"]).current_dir(&this.folder));
        this.spile(&["secrets", "init"]);
        this.spile(&["secrets", "set", "shop", "password", "--stdin"]);
        this.spile(&["apply", "--yes"]);
        this.sync();
        Some(this)
    }

    /// Runs the program with keys of its own, and the password as its input.
    fn spile(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        let password = std::fs::File::open(self.folder.join("password")).expect("a password");
        command.args(words).current_dir(&self.folder).env("XDG_CONFIG_HOME", self.folder.join("config"));
        succeeds(command.stdin(password));
    }

    fn divides(&self, streams: usize) {
        let settings = format!("[project]\nname = 'bench'\n[sync]\njobs = 2\nstreams = {streams}\nverify = 'off'\n");
        write(&self.folder, "spile.toml", &settings);
    }

    fn sync(&self) -> f64 {
        once(|| self.spile(&["sync", "shop", "--retries", "0"]))
    }

    fn measure(&self) {
        table("Eight tables of Postgres, read in full");
        let with = |streams| {
            self.divides(streams);
            self.sync()
        };
        let [one, two] = in_turns(TURNS, [&|| with(1), &|| with(2)]);
        row("spile sync, streams = 2", TABLES * TABLE_ROWS, Took::wall(two), Against("streams = 1", one), "0.63");
    }
}

/// A loader that writes JSON Lines.
const FILES: &str =
    "type = 'jsonl'\nkind = 'loader'\n[config]\ndestination_path = 'output'\ndo_timestamp_file = false\n";

/// A tap and a loader that cost next to nothing: one writes a file, the other throws away what it gets.
struct Fast {
    folder: PathBuf,
}

/// How often each size is measured.
const TURNS: usize = 5;

impl Fast {
    fn set_up() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-fast");
        drop(std::fs::remove_dir_all(&folder));
        lay_package(&folder, "raw-plugins", "raw_plugins.py");
        write(&folder, "spile.toml", "[project]\nname = 'bench'\n[run]\nenv = ['RAW_PLUGINS']\n");
        for (slug, kind, plugin) in [("raw", "extractor", "tap-raw"), ("raw-file", "loader", "target-raw")] {
            let text = format!(
                "kind = '{kind}'\nlabel = 'Raw'\n[plugin]\nname = '{plugin}'\nnamespace = 'raw'\n\
                 pip_url = './raw-plugins'\nexecutable = '{plugin}'\ncapabilities = ['state']\n"
            );
            write(&folder, &format!("connectors/{slug}.toml"), &text);
        }
        write(&folder, "integrations/file.toml", "type = 'raw-file'\nkind = 'loader'\n");
        write(&folder, "integrations/things.toml", "type = 'raw'\nloader = 'file'\n");
        let this = Self { folder };
        this.sends(10, 10, "");
        write(&this.folder, "end", "drain");
        this.spile(&["apply", "--yes"]);
        this.spile(&["sync"]);
        this
    }

    /// Makes the tap send so many records of so many bytes, with a line after each.
    fn sends(&self, count: usize, bytes: usize, after: &str) {
        let pad = "x".repeat(bytes.saturating_sub(60));
        let mut text =
            String::from("{\"type\": \"SCHEMA\", \"stream\": \"a\", \"schema\": {}, \"key_properties\": []}\n");
        for id in 0..count {
            let record = format!(
                "{{\"type\": \"RECORD\", \"stream\": \"a\", \"record\": {{\"id\": {id}, \"t\": \"{pad}\"}}}}\n"
            );
            text.push_str(&record);
            text.push_str(after);
        }
        write(&self.folder, "sent", &text);
    }

    fn spile(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        succeeds(command.args(words).current_dir(&self.folder).env("RAW_PLUGINS", &self.folder));
    }

    fn sync(&self) -> f64 {
        once(|| self.spile(&["sync", "things"]))
    }

    fn meltano(&self) -> f64 {
        let mut command = Command::new(self.folder.join(".spile/meltano/bin/meltano"));
        command.args(["--environment", "dev", "run", "tap-raw--things", "target-raw--file"]);
        command.env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false").env("RAW_PLUGINS", &self.folder);
        once(|| succeeds(command.current_dir(&self.folder)))
    }

    fn measure(&self) {
        table("Records between a tap and a loader that cost next to nothing, beside `meltano run`");
        for (count, bytes, asked) in
            [(10_000, 200, "1"), (100_000, 200, "1"), (1_000_000, 200, "0.32"), (1_000_000, 1_000, "0.32")]
        {
            self.sends(count, bytes, "");
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                ours.push(self.sync());
                theirs.push(self.meltano());
            }
            let what = format!("spile sync, {bytes} bytes each, fastest");
            row(&what, count, Took::wall(fastest(&ours)), Against("meltano run", fastest(&theirs)), asked);
        }
        // The loader has to report them, so it reads each line.
        write(&self.folder, "end", "");
        let state = "{\"type\": \"STATE\", \"value\": {\"bookmarks\": {\"a\": {\"last\": 1}}}}\n";
        let [with, without] = [state, ""].map(|after| {
            self.sends(10_000, 200, after);
            fastest(&[(); TURNS].map(|()| self.sync()))
        });
        row(
            "spile sync, a bookmark after each record",
            10_000,
            Took::wall(with),
            Against("without bookmarks", without),
            "1.3",
        );
    }
}

/// A source that offers any number of streams with twenty fields each, of which one is selected.
struct Offer {
    project: Project,
    tap: PathBuf,
}

/// How many streams a small and a large source offer.
const SIZES: [usize; 2] = [20, 5_000];

impl Offer {
    fn set_up() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-catalog");
        drop(std::fs::remove_dir_all(&folder));
        lay_package(&folder, "tap-fault", "tap_fault.py");
        let settings = "[project]\nname = 'bench'\n[run]\nenv = ['TAP_FAULT_NOTES']\n[sync]\ncatalog = 'always'\n";
        write(&folder, "spile.toml", settings);
        let connector = "kind = 'extractor'\nlabel = 'Fault'\n[plugin]\nname = 'tap-fault'\nnamespace = 'tap_fault'\n\
                         pip_url = './tap-fault'\nexecutable = 'tap-fault'\n\
                         capabilities = ['catalog', 'discover', 'state']\n[[settings]]\nname = 'mode'\n";
        write(&folder, "connectors/fault.toml", connector);
        write(&folder, "integrations/files.toml", FILES);
        let things = "type = 'fault'\nloader = 'files'\nselect = ['s17.*']\n[config]\nmode = 'source'\n";
        write(&folder, "integrations/things.toml", things);
        write(&folder, "config.json", "{\"mode\": \"source\"}");
        let this = Self { tap: folder.join("tap"), project: Project { folder } };
        this.offers(SIZES[0]);
        this.project.spile(&["up", "--yes"]);
        let installed = this.project.folder.join(".meltano/extractors").read_dir().expect("plugins").flatten().next();
        Self { tap: installed.expect("the tap").path().join("venv/bin/tap-fault"), ..this }
    }

    fn offers(&self, count: usize) {
        let fields: Vec<String> = (0..20).map(|number| format!("\"field_{number}\"")).collect();
        let stream = |number| format!("\"s{number}\": {{\"fields\": [{}], \"records\": 3}}", fields.join(", "));
        let streams: Vec<String> = (0..count).map(stream).collect();
        write(&self.project.folder, "notes/streams.json", &format!("{{{}}}", streams.join(", ")));
    }

    /// Measures the tap alone: a discovery, and a run with the resulting catalog.
    fn tap(&self) {
        let folder = &self.project.folder;
        let tap = || {
            let mut command = Command::new(&self.tap);
            command.current_dir(folder).args(["--config", "config.json"]).env("TAP_FAULT_NOTES", folder.join("notes"));
            command
        };
        let catalog = tap().arg("--discover").output().expect("it starts").stdout;
        let selected =
            String::from_utf8(catalog).expect("JSON").replace("\"available\"", "\"available\", \"selected\": false");
        write(folder, "catalog.json", &selected);
        succeeds(tap().args(["--catalog", "catalog.json"]));
    }

    fn measure(&self) {
        let [small, large] = SIZES.map(|count| {
            self.offers(count);
            let times = [(); 5].map(|()| (once(|| self.project.spile(&["sync", "things"])), once(|| self.tap())));
            (fastest(&times.map(|(ours, _)| ours)), fastest(&times.map(|(_, its)| its)))
        });
        println!("\n### A source of {} streams\n", SIZES[1]);
        println!("| what | how many | s | tap alone | asked |\n|---|---:|---:|---:|---|");
        for (count, (ours, its)) in SIZES.into_iter().zip([small, large]) {
            println!("| spile sync with a new catalog | {count} | {:.2} | {:.2} | |", ours / 1e3, its / 1e3);
        }
        let beyond = (large.0 - small.0) - (large.1 - small.1);
        println!("| beyond the tap's own | | {:.2} | | 2 s |", beyond / 1e3);
    }
}

struct Project {
    folder: PathBuf,
}

impl Project {
    fn set_up(&self) {
        let installed = self.folder.join(".spile/meltano");
        if !installed.exists() {
            drop(std::fs::remove_dir_all(&self.folder));
            std::fs::create_dir_all(&self.folder).expect("a folder is made");
            self.spile(&["init", "--name", "bench"]);
        }
        for file in self.folder.join("integrations").read_dir().expect("a folder").flatten() {
            if file.file_name().to_string_lossy().starts_with("more-") {
                std::fs::remove_file(file.path()).expect("a file is removed");
            }
        }
        self.spile(&["up", "--yes", "--allow", "delete=999"]);
    }

    /// Adds integrations up to this number.
    fn grow(&self, count: usize) {
        for number in 1..count {
            let text = "type = \"singer-jsonl\"\nloader = \"files\"\nschedule = \"@daily\"\n[config]\nlocal.folders = [\"data\"]\n";
            write(&self.folder, &format!("integrations/more-{number}.toml"), text);
        }
        self.spile(&["apply", "--yes", "--no-input"]);
    }

    fn measure(&self, count: usize, asked: &str) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(once(|| self.spile(&["sync", "example"])));
            theirs.push(once(|| self.meltano()));
        }
        let times = [("fastest", fastest(&ours), fastest(&theirs)), ("median", median(ours), median(theirs))];
        for (what, ours, theirs) in times {
            let what = format!("spile sync, {what}");
            row(&what, count, Took::wall(ours), Against("meltano run", theirs), asked);
        }
    }

    fn spile(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        succeeds(command.args(words).current_dir(&self.folder).env("TAP_FAULT_NOTES", self.folder.join("notes")));
    }

    /// Runs Meltano as its users do.
    fn meltano(&self) {
        let mut command = Command::new(self.folder.join(".spile/meltano/bin/meltano"));
        command.args(["--environment", "dev", "run", "tap-singer-jsonl--example", "target-jsonl--files"]);
        command.env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false").env_remove("PYTHONDONTWRITEBYTECODE");
        succeeds(command.current_dir(&self.folder));
    }
}

/// Copies a package of the tests' own plugins into a project.
fn lay_package(folder: &Path, name: &str, module: &str) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/taps").join(name);
    for file in ["pyproject.toml", module] {
        let text = std::fs::read_to_string(sources.join(file)).expect("the tests' own plugins");
        write(folder, &format!("{name}/{file}"), &text);
    }
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}
