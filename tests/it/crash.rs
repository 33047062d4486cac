//! Every operation that changes files, killed before each of its changes, in the middle of each, and with each refused:
//! what it was about is before or after, the next plan is true, the same again finishes it, and nothing is left behind.

mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::folder::{Folder, Opened, with_secrets};
use crate::tools;
use spile::render::read::is_rendered;
use watched::{Changed, Fault, Scene, run};

/// How many faults of each operation come to pass where nobody asks for more: `SPILE_KILL_POINTS=0` is all of them.
const POINTS: usize = 24;

const PROGRAM: &str = env!("CARGO_BIN_EXE_spile");

/// An operation, and the files that it is for.
struct Case {
    words: &'static [&'static str],
    input: &'static str,
    before: Folder,
    /// Whether it writes the same each time: what is encrypted is another text each time.
    is_exact: bool,
}

impl Case {
    fn copy(&self) -> Folder {
        let copy = Folder::new();
        copy.lay(self.before.path());
        copy
    }

    fn run(&self, folder: &Folder, fault: Option<(usize, Fault)>) -> watched::Seen {
        run((Path::new(PROGRAM), self.words), &Scene { folder: folder.path(), input: self.input }, fault)
    }

    /// Lets every fault come to pass, each in a folder of its own; returns how many of them were kills.
    fn survives_everything(&self) -> usize {
        let whole = self.copy();
        let seen = self.run(&whole, None);
        assert_eq!(seen.code, Some(0), "{:?} fails by itself", self.words);
        assert!(seen.changes.len() > 5, "{:?} changes next to nothing: {:?}", self.words, seen.changes);
        let after = kept(&whole);
        let faults = faults(&seen.changes);
        let most = std::env::var("SPILE_KILL_POINTS").ok().map_or(POINTS, |most| most.parse().unwrap());
        let step = if most == 0 { 1 } else { faults.len().div_ceil(most) };
        // Every so many, and never the same ones of a pattern.
        let is_chosen = |at: usize| at % step == (at / step) % step;
        let chosen: Vec<_> =
            faults.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, fault)| *fault).collect();
        for (at, fault) in &chosen {
            let told = format!("{:?}, {fault:?} at {at}, {}", self.words, seen.changes[*at].call);
            let folder = self.copy();
            let ended = self.run(&folder, Some((*at, *fault)));
            match fault {
                Fault::Kill | Fault::Tear => assert_eq!(ended.code, None, "{told}: it was not killed"),
                // What is refused and not missed may end well.
                Fault::Refuse(_) => assert!(matches!(ended.code, Some(0 | 1)), "{told}: it panicked: {ended:?}"),
            }
            self.is_before_or_after(&folder, &after, &told);
            // What is imported is not imported twice; what is to be put back is not imported.
            let is_whole = !folder.join(".spile/edits.json").exists();
            let is_imported = self.words[0] == "import" && is_whole && is_rendered(&folder.read("meltano.yml"));
            let again = self.run(&folder, None);
            assert_eq!(again.code, Some(i32::from(is_imported)), "{told}: the same again: {}", self.said(&folder));
            let now = kept(&folder);
            if self.is_exact {
                assert_eq!(now, after, "{told}: the same again does not finish it");
            } else {
                assert_eq!(names(&now), names(&after), "{told}: the same again does not finish it");
                opens(&folder, &told);
            }
            assert_eq!(litter(&folder), [""; 0], "{told}: something is left behind");
            if self.words[0] == "apply" {
                assert!(plan(&folder).is_empty(), "{told}: there is still something to do");
            }
        }
        chosen.iter().filter(|(_, fault)| !matches!(fault, Fault::Refuse(_))).count()
    }

    /// Runs it once more to see what it says.
    fn said(&self, folder: &Folder) -> String {
        let mut command = std::process::Command::new(PROGRAM);
        command.args(self.words).current_dir(folder.path()).env("HOME", folder.join("home"));
        let said = tools::said(&mut command, self.input);
        said.stdout + &said.stderr
    }

    fn is_before_or_after(&self, folder: &Folder, after: &Files, told: &str) {
        let (before, now) = (kept(&self.before), kept(folder));
        let mut is_whole = true;
        for path in before.keys().chain(after.keys()).chain(now.keys()) {
            let found = now.get(path);
            let is_after = found == after.get(path) || !self.is_exact && found.is_some() && after.contains_key(path);
            assert!(is_after || found == before.get(path), "{told}: {} is neither", path.display());
            is_whole &= found == before.get(path);
        }
        if self.words[0] == "apply" {
            let (planned, first) = (plan(folder), plan(&self.before));
            // A row says what it is by what is left to be done about it: nothing, or all of it.
            let left = planned.registry.changes.len();
            assert!([0, first.registry.changes.len()].contains(&left), "{told}: {left} rows are left");
            let file = Path::new("meltano.yml");
            assert_eq!(planned.meltano.is_empty(), now.get(file) == after.get(file), "{told}: the plan is not true");
        } else if !is_whole && !self.is_exact && folder.join("spile.toml").exists() {
            opens(folder, told);
        }
    }
}

/// Makes sure that every file with secrets opens, and that their MACs hold.
fn opens(folder: &Folder, told: &str) {
    for (path, text) in kept(folder) {
        let Some(slug) = path.file_stem().filter(|_| path.starts_with("integrations")) else { continue };
        if !String::from_utf8_lossy(&text).contains("[sops]") || slug.to_string_lossy().contains('.') {
            continue;
        }
        let mut command = std::process::Command::new(PROGRAM);
        command.args(["secrets", "view", "--yes", "--format", "json"]).arg(slug);
        command.current_dir(folder.path()).env("HOME", folder.join("home"));
        let said = tools::said(&mut command, "");
        assert_eq!(said.code, Some(0), "{told}: {} does not open: {}", path.display(), said.stderr);
    }
}

/// Files by their names.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn names(files: &Files) -> BTreeSet<&PathBuf> {
    files.keys().collect()
}

/// Returns the files that are the project's: what spile keeps for itself, a user's home, and what is on its way to
/// be renamed are not.
fn kept(folder: &Folder) -> Files {
    let is_own = |path: &Path| [".spile", "home"].iter().any(|own| path.starts_with(own)) || is_temporary(path);
    folder.files().into_iter().filter(|(path, _)| !is_own(path)).collect()
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.starts_with(".spile.") || name.ends_with("-journal") || name.starts_with(".tmp")
}

fn litter(folder: &Folder) -> Vec<String> {
    folder.files().into_keys().filter(|path| is_temporary(path)).map(|path| path.display().to_string()).collect()
}

/// Works out in this process what an apply would do: another reader than the program.
fn plan(folder: &Folder) -> spile::plan::Plan {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let opened = Opened::at(folder, None).unwrap_or_else(|error| panic!("{error:?}"));
    runtime.block_on(opened.plan()).unwrap()
}

/// Returns what can go wrong with these changes.
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

/// A project with an output, and integrations that have secrets.
fn project() -> Folder {
    let folder = Folder::project();
    folder.write(
        "spile.toml",
        "[project]\nname = \"acme\"\n[guard]\nmax_change_percent = 100\nmax_delete_percent = 100\n\
         [[outputs]]\ntemplate = \"airflow\"\npath = \"dags/spile.py\"\n",
    );
    for number in 0..40 {
        folder.write(&format!("integrations/fruit-{number}.toml"), &format!("{HEAD}local.folders = [\"data\"]\n"));
    }
    let shop = "type = \"postgres\"\nloader = \"lake\"\n[config]\nhost = \"h\"\nuser = \"u\"\ndatabase = \"d\"\n\n";
    folder.write("integrations/shop.toml", &with_secrets(shop, &["password"]));
    folder
}

/// A project whose user has a key, with secrets in so many files.
fn with_a_key(files: usize) -> Folder {
    let folder = Folder::project();
    let scene = |words: &[&str], input: &str| {
        let seen = run((Path::new(PROGRAM), words), &Scene { folder: folder.path(), input }, None);
        assert_eq!(seen.code, Some(0), "{words:?}");
    };
    scene(&["secrets", "init"], "");
    for slug in ["shop".to_owned()].into_iter().chain((1..files).map(|number| format!("shop-{number}"))) {
        let shop = "type = \"postgres\"\nloader = \"lake\"\n[config]\nhost = \"h\"\nuser = \"u\"\ndatabase = \"d\"\n";
        folder.write(&format!("integrations/{slug}.toml"), shop);
        scene(&["secrets", "set", &slug, "password", "--stdin"], "the old one");
    }
    folder
}

fn survives(words: &'static [&'static str], input: &'static str, (before, is_exact): (Folder, bool)) {
    let kills = Case { words, input, before, is_exact }.survives_everything();
    eprintln!("{words:?}: killed at {kills} points");
}

#[test]
fn the_first_apply() {
    survives(&["apply", "--yes"], "", (project(), true));
}

#[test]
fn an_apply_that_changes_deletes_and_creates() {
    let folder = project();
    assert_eq!(
        run((Path::new(PROGRAM), &["apply", "--yes"]), &Scene { folder: folder.path(), input: "" }, None).code,
        Some(0)
    );
    for number in 0..20 {
        folder.write(&format!("integrations/fruit-{number}.toml"), &format!("{HEAD}local.folders = [\"other\"]\n"));
    }
    folder.remove("integrations/fruit-24.toml");
    folder.write("integrations/new.toml", &format!("{HEAD}local.folders = [\"new\"]\n"));
    survives(&["apply", "--yes"], "", (folder, true));
}

#[test]
fn a_secret_that_is_set() {
    survives(&["secrets", "set", "shop", "password", "--stdin"], "the new one", (with_a_key(2), false));
}

#[test]
fn secrets_that_are_rotated() {
    survives(&["secrets", "rotate", "--all"], "", (with_a_key(30), false));
}

#[test]
fn files_that_are_formatted() {
    let folder = Folder::project();
    for number in 0..70 {
        let text = format!("loader   = \"lake\"\ntype= \"singer-jsonl\"\n[config]\nlocal.folders = [\"{number}\"]\n");
        folder.write(&format!("integrations/fruit-{number}.toml"), &text);
    }
    survives(&["fmt"], "", (folder, true));
}

#[test]
fn a_project_that_is_imported() {
    let folder = Folder::new();
    folder.lay(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/secrets"));
    survives(&["import", "--yes"], "", (folder, false));
}
