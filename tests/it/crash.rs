//! Every operation that changes files, killed before each change and in the middle of it, and with each change refused:
//! each target is before or after, the next plan is right, running it again finishes it, and no leftovers stay.

mod watched;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use spile_ops::secrets::SecretsFile;
use spile_world::files::project::recover;
use spile_world::keys::Places;
use spile_world::{Keys, Project};

use crate::folder::{Folder, Opened, with_secrets};
use crate::tools;
use watched::{Changed, Fault, Scene, run};

/// How many faults of each operation are tested by default; `SPILE_KILL_POINTS=0` tests all.
const POINTS: usize = 24;

const PROGRAM: &str = env!("CARGO_BIN_EXE_spile");

/// An operation, and its files.
struct Case {
    words: &'static [&'static str],
    input: &'static str,
    before: Folder,
    writes: Writes,
    /// The exit code when it runs again with nothing left to do.
    again: i32,
}

/// How an operation changes files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// Each file is before or after.
    Each,
    /// All files are before or after, once recovery has run.
    All,
    /// Like [`Self::Each`], but the ciphertext differs each time.
    EachSealed,
    /// Like [`Self::All`], but the ciphertext differs each time.
    AllSealed,
}

impl Writes {
    fn is_sealed(self) -> bool {
        matches!(self, Self::EachSealed | Self::AllSealed)
    }
}

impl Case {
    fn copy(&self) -> Folder {
        let copy = Folder::new();
        copy.lay(self.before.path());
        copy
    }

    /// Provokes every fault, each in a folder of its own; returns the number of kills.
    fn survives_everything(&self) -> usize {
        let whole = self.copy();
        let seen = run(Path::new(PROGRAM), self.words, &self.scene(&whole), None);
        assert_eq!(seen.code, Some(0), "{:?} fails by itself: {}", self.words, self.again_in(&self.copy()).stderr);
        assert!(seen.changes.len() > 5, "{:?} changes next to nothing: {:?}", self.words, seen.changes);
        let after = kept(&whole);
        let faults = faults(&seen.changes);
        let most = std::env::var("SPILE_KILL_POINTS").ok().map_or(POINTS, |most| most.parse().unwrap());
        let step = if most == 0 { 1 } else { faults.len().div_ceil(most) };
        // Samples evenly, without always hitting the same step of a repeating pattern.
        let is_chosen = |at: usize| at % step == (at / step) % step;
        let chosen: Vec<_> =
            faults.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, fault)| *fault).collect();
        for (at, fault) in &chosen {
            let told = format!("{:?}, {fault:?} at {at}, {}", self.words, seen.changes[*at].call);
            self.survives((*at, *fault), &after, &told);
        }
        chosen.iter().filter(|(_, fault)| !matches!(fault, Fault::Refuse(_))).count()
    }

    fn survives(&self, fault: (usize, Fault), after: &Files, told: &str) {
        let folder = self.copy();
        let ended = run(Path::new(PROGRAM), self.words, &self.scene(&folder), Some(fault));
        match fault.1 {
            Fault::Kill | Fault::Tear => assert_eq!(ended.code, None, "{told}: it was not killed"),
            // The operation may succeed if the refused change did not matter.
            Fault::Refuse(_) => assert!(matches!(ended.code, Some(0 | 1)), "{told}: it panicked: {ended:?}"),
        }
        let is_done = self.is_before_or_after(&folder, after, told);
        let again = self.again_in(&folder);
        let wanted = if is_done { self.again } else { 0 };
        assert_eq!(again.code, Some(wanted), "{told}: running it again: {}{}", again.stdout, again.stderr);
        let now = kept(&folder);
        if self.writes.is_sealed() {
            assert!(now.keys().eq(after.keys()), "{told}: running it again does not finish it");
            opens(&folder, told);
        } else {
            assert_eq!(now, *after, "{told}: running it again does not finish it");
        }
        assert_eq!(litter(&folder), [""; 0], "{told}: leftovers stay");
        if self.words[0] == "apply" {
            assert!(plan(&folder).is_empty(), "{told}: there is still work left");
        }
    }

    fn scene<'a>(&self, folder: &'a Folder) -> Scene<'a> {
        Scene { folder: folder.path(), input: self.input }
    }

    fn again_in(&self, folder: &Folder) -> tools::Said {
        let mut command = Command::new(PROGRAM);
        command.args(self.words).current_dir(folder.path()).env("HOME", folder.join("home"));
        tools::said(&mut command, self.input)
    }

    /// Demands that the folder is before or after; returns whether it is after.
    fn is_before_or_after(&self, folder: &Folder, after: &Files, told: &str) -> bool {
        if matches!(self.writes, Writes::All | Writes::AllSealed) {
            recover(folder.path()).unwrap();
        }
        let (before, now) = (kept(&self.before), kept(folder));
        let is_done = now == *after || self.writes.is_sealed() && now.keys().eq(after.keys()) && now != before;
        if matches!(self.writes, Writes::All | Writes::AllSealed) {
            assert!(is_done || now == before, "{told}: it is half done: {:?}", now.keys());
        }
        for path in before.keys().chain(after.keys()).chain(now.keys()) {
            let found = now.get(path);
            let is_after =
                found == after.get(path) || self.writes.is_sealed() && found.is_some() && after.contains_key(path);
            assert!(is_after || found == before.get(path), "{told}: {} is neither", path.display());
        }
        if self.words[0] == "apply" {
            let (planned, first) = (plan(folder), plan(&self.before));
            // A row shows its state by the remaining changes: none, or all of them.
            let left = planned.registry.changes.len();
            assert!([0, first.registry.changes.len()].contains(&left), "{told}: {left} rows are left");
            let file = Path::new("meltano.yml");
            assert_eq!(planned.meltano.is_empty(), now.get(file) == after.get(file), "{told}: the plan is wrong");
        } else if self.writes.is_sealed() && folder.join("spile.toml").exists() {
            opens(folder, told);
        }
        is_done
    }
}

/// Demands that every file with secrets decrypts, and that its MAC is valid.
fn opens(folder: &Folder, told: &str) {
    let keys = Keys::new(Places { home: Some(folder.join("home")), ..Places::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for file in SecretsFile::all(&Project::at(folder.path())).unwrap() {
        if file.document.is_some() {
            let opened = runtime.block_on(file.values(&keys));
            assert!(opened.is_ok(), "{told}: {} does not decrypt: {opened:?}", file.path().display());
        }
    }
}

/// Files by name.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Returns the project's files, without spile's own folder, the user's home and temporary files.
fn kept(folder: &Folder) -> Files {
    let is_own = |path: &Path| [".spile", "home"].iter().any(|own| path.starts_with(own)) || is_temporary(path);
    folder.files().into_iter().filter(|(path, _)| !is_own(path)).collect()
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.starts_with(".spile.") || name.ends_with("-journal") || name.starts_with(".tmp") || name == "edits.json"
}

fn litter(folder: &Folder) -> Vec<String> {
    folder.files().into_keys().filter(|path| is_temporary(path)).map(|path| path.display().to_string()).collect()
}

/// Plans in this process, as a reader independent of the program.
fn plan(folder: &Folder) -> spile_core::plan::Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let opened = Opened::at(folder, None).unwrap_or_else(|error| panic!("{error:?}"));
    runtime.block_on(opened.plan()).unwrap()
}

/// Returns the faults that these changes can have.
fn faults(changes: &[Changed]) -> Vec<(usize, Fault)> {
    let mut faults = Vec::new();
    for (at, changed) in changes.iter().enumerate() {
        faults.push((at, Fault::Kill));
        if changed.tears {
            faults.push((at, Fault::Tear));
        }
        faults.push((at, Fault::Refuse(if at % 2 == 0 { Errno::ENOSPC } else { Errno::EIO })));
    }
    faults
}

const HEAD: &str = "type = \"singer-jsonl\"\nloader = \"lake\"\nschedule = \"@daily\"\n\n[config]\n";

const SHOP: &str = "type = \"postgres\"\nloader = \"lake\"\n[config]\nhost = \"h\"\nuser = \"u\"\ndatabase = \"d\"\n\n";

/// A project with an output and this many integrations, one of which has secrets.
fn project(fruits: usize) -> Folder {
    let folder = Folder::project();
    folder.write(
        "spile.toml",
        "[project]\nname = \"acme\"\n[guard]\nmax_change_percent = 100\nmax_delete_percent = 100\n\
         [[outputs]]\ntemplate = \"airflow\"\npath = \"dags/spile.py\"\n",
    );
    for number in 0..fruits {
        folder.write(&format!("integrations/fruit-{number}.toml"), &format!("{HEAD}local.folders = [\"data\"]\n"));
    }
    folder.write("integrations/shop.toml", &with_secrets(SHOP, &["password"]));
    folder
}

fn does(folder: &Folder, words: &[&str], input: &str) {
    let mut command = Command::new(PROGRAM);
    command.args(words).current_dir(folder.path()).env("HOME", folder.join("home"));
    let said = tools::said(&mut command, input);
    assert_eq!(said.code, Some(0), "{words:?}: {}", said.stderr);
}

/// A project whose user has a key, with secrets in this many files.
fn with_a_key(files: usize) -> Folder {
    let folder = Folder::project();
    does(&folder, &["secrets", "init"], "");
    for slug in ["shop".to_owned()].into_iter().chain((1..files).map(|number| format!("shop-{number}"))) {
        folder.write(&format!("integrations/{slug}.toml"), SHOP);
        does(&folder, &["secrets", "set", &slug, "password", "--stdin"], "the old one");
    }
    folder
}

fn survives(case: &Case) {
    let kills = case.survives_everything();
    eprintln!("{:?}: killed at {kills} points", case.words);
}

#[test]
fn the_first_apply() {
    survives(&Case { words: &["apply", "--yes"], input: "", before: project(40), writes: Writes::Each, again: 0 });
}

#[test]
fn an_apply_that_changes_deletes_and_creates() {
    let before = project(40);
    does(&before, &["apply", "--yes"], "");
    for number in 0..20 {
        before.write(&format!("integrations/fruit-{number}.toml"), &format!("{HEAD}local.folders = [\"other\"]\n"));
    }
    before.remove("integrations/fruit-24.toml");
    before.write("integrations/new.toml", &format!("{HEAD}local.folders = [\"new\"]\n"));
    survives(&Case { words: &["apply", "--yes"], input: "", before, writes: Writes::Each, again: 0 });
}

#[test]
fn setting_a_secret() {
    let words = &["secrets", "set", "shop", "password", "--stdin"];
    survives(&Case { words, input: "the new one", before: with_a_key(2), writes: Writes::EachSealed, again: 0 });
}

#[test]
fn rotating_secrets() {
    let words = &["secrets", "rotate", "--all"];
    survives(&Case { words, input: "", before: with_a_key(40), writes: Writes::EachSealed, again: 0 });
}

#[test]
fn updating_recipients() {
    let before = with_a_key(20);
    let rules = before.read(".sops.yaml");
    let other = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    before.write(".sops.yaml", &format!("{}      - {other}\n", rules.trim_end().to_owned() + "\n"));
    let words = &["secrets", "updatekeys"];
    survives(&Case { words, input: "", before, writes: Writes::EachSealed, again: 0 });
}

#[test]
fn formatting_files() {
    let before = Folder::project();
    for number in 0..90 {
        let text = format!("loader   = \"lake\"\ntype= \"singer-jsonl\"\n[config]\nlocal.folders = [\"{number}\"]\n");
        before.write(&format!("integrations/fruit-{number}.toml"), &text);
    }
    survives(&Case { words: &["fmt"], input: "", before, writes: Writes::All, again: 0 });
}

#[test]
fn disabling_integrations() {
    survives(&Case { words: &["disable", "--all"], input: "", before: project(60), writes: Writes::All, again: 0 });
}

#[test]
fn creating_a_project() {
    survives(&Case {
        words: &["init", "--name", "acme"],
        input: "",
        before: Folder::new(),
        writes: Writes::All,
        again: 1,
    });
}

#[test]
fn importing_a_project() {
    let before = Folder::new();
    before.lay(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/secrets"));
    survives(&Case { words: &["import", "--yes"], input: "", before, writes: Writes::AllSealed, again: 1 });
}
