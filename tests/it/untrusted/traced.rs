//! Every command that reads, traced over the hostile repository: with `--untrusted` it only opens the project's files
//! and what the system provides to every program.

use std::path::{Path, PathBuf};

use super::watched::{Deed, Look, Scene, Seen, run};
use crate::hostile::tricks::{self, Trick};
use crate::hostile::yard::{PRIVATE, Yard};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spile");

/// The commands that read.
pub const READING: [&str; 18] = [
    "check",
    "check --lint",
    "check --format sarif",
    "check --format github",
    "fmt --check",
    "plan",
    "plan --format json --exit-code",
    "plan --format markdown --env prod",
    "plan --only fruit",
    "schema",
    "schema project",
    "explain toml::syntax",
    "connectors list",
    "connectors search postgres",
    "connectors show mine",
    "migrate",
    "completions bash",
    "man",
];

/// What the system provides to every program: its libraries, information about itself, and randomness.
const LENT: [&str; 14] = [
    "/dev/null",
    "/dev/tty",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/lib",
    "/lib64",
    "/proc",
    "/sys",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
];

/// Variables that a repository would like to read.
const VARIABLES: [(&str, &str); 4] = [
    ("AWS_SECRET_ACCESS_KEY", PRIVATE),
    ("GITHUB_TOKEN", PRIVATE),
    ("SUPABASE_SECRET_KEY", PRIVATE),
    ("SUPABASE_URL", "http://127.0.0.1:9"),
];

pub fn watch(yard: &Yard, line: &str, look: Look) -> Seen {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (root, home) = (yard.root(), yard.home());
    run(&Scene { program: Path::new(PROGRAM), words: &words, folder: &root, home: &home, variables: &VARIABLES, look })
}

/// Returns the actions that go beyond reading a project's files.
fn forbidden(seen: &Seen, root: &Path) -> Vec<Deed> {
    let root = root.canonicalize().unwrap();
    let is_lent = |path: &PathBuf| {
        // The environment and the memory of a process are files too.
        let is_private = ["environ", "mem"].iter().any(|name| path.starts_with("/proc") && path.ends_with(name));
        (LENT.iter().any(|lent| path.starts_with(lent)) || path == Path::new(PROGRAM)) && !is_private
    };
    let is_own = |path: &PathBuf| [".spile", ".meltano"].iter().any(|own| path.starts_with(root.join(own)));
    let is_forbidden = |deed: &&Deed| match deed {
        Deed::Opened(path) => is_own(path) || !(path.starts_with(&root) || is_lent(path)),
        Deed::Changed(_) | Deed::Called(_) | Deed::Started(_) => true,
    };
    let mut found: Vec<Deed> = seen.deeds.iter().filter(is_forbidden).cloned().collect();
    found.sort();
    found.dedup();
    found
}

/// Returns what a command did wrong with a repository; empty if it only read.
fn faults(yard: &Yard, line: &str, told: &str) -> Vec<String> {
    let seen = watch(yard, &format!("{line} --untrusted"), Look::AtCalls);
    let mut found: Vec<String> = forbidden(&seen, &yard.root()).iter().map(|deed| format!("{deed:?}")).collect();
    if !matches!(seen.code, Some(0..=5)) {
        found.push(format!("it ended with {:?}: {}", seen.code, seen.said));
    }
    if seen.said.contains(PRIVATE) {
        found.push("it shows a file or a variable of somebody else".to_owned());
    }
    found.iter().map(|fault| format!("`spile {line} --untrusted` over {told}: {fault}")).collect()
}

#[track_caller]
fn only_reads(yard: &Yard, line: &str, told: &str) {
    let found = faults(yard, line, told);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn laid(tricks: &[Trick]) -> Yard {
    let yard = Yard::new();
    for trick in tricks {
        trick.lay(&yard);
    }
    yard
}

#[test]
fn every_reading_command_only_reads_a_good_project() {
    let yard = Yard::new();
    for line in READING {
        let seen = watch(&yard, &format!("{line} --untrusted"), Look::AtCalls);
        assert!(matches!(seen.code, Some(0..=2)), "`spile {line}`: {:?}: {}", seen.code, seen.said);
        only_reads(&yard, line, "a good project");
    }
}

#[test]
fn every_reading_command_only_reads_all_tricks_at_once() {
    let yard = laid(&tricks::all());
    // The output format makes no difference to what is read.
    for line in READING.iter().filter(|line| !line.contains("--format")) {
        only_reads(&yard, line, "all tricks at once");
    }
}

/// A trick that fails early hides those after it.
#[test]
fn each_trick_alone_is_only_read() {
    let tricks = tricks::all();
    assert!(tricks.len() > 200, "{} tricks", tricks.len());
    let most: usize = std::env::var("SPILE_HOSTILE_CASES").ok().map_or(48, |most| most.parse().unwrap());
    // A sample, different each time: the process id is a good enough random number.
    let (step, first) = (tricks.len().div_ceil(most.max(1)), std::process::id() as usize);
    let mut found = Vec::new();
    for trick in tricks.iter().skip(first % step).step_by(step) {
        let yard = laid(std::slice::from_ref(trick));
        found.extend(["plan", "check"].iter().flat_map(|line| faults(&yard, line, &trick.name)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn git_is_the_only_program_started_and_finds_the_changes() {
    let yard = Yard::new();
    for words in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "-m", "x"]] {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(words).current_dir(yard.root());
        assert!(git.status().unwrap().success(), "{words:?}");
    }
    yard.write("integrations/new.toml", "type = 'jsonl'\nkind = 'loader'\n");
    let seen = watch(&yard, "plan --untrusted --changed-since HEAD --format json", Look::AtCalls);
    assert_eq!(seen.code, Some(0), "{}", seen.said);
    assert!(seen.said.contains("\"slug\": \"new\"") && !seen.said.contains("\"slug\": \"fruit\""), "{}", seen.said);
    let is_git = |program: &Path| program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("git"));
    let found = forbidden(&seen, &yard.root());
    // git itself reads settings of locales and users, and discards output that nobody asked for.
    let others: Vec<&Deed> =
        found.iter().filter(|deed| !matches!(deed, Deed::Started(program) if is_git(program))).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(found.len() < 5 && !found.is_empty(), "{found:#?}");
}

/// Shows that the tracer detects network connections.
#[test]
fn a_network_connection_is_detected() {
    let yard = Yard::new();
    let seen = watch(&yard, "connectors update --hub http://127.0.0.1:9", Look::AtCalls);
    let is_call = |deed: &Deed| matches!(deed, Deed::Called(address) if address == "127.0.0.1:9");
    assert!(forbidden(&seen, &yard.root()).iter().any(is_call), "no call was seen: {:?} {}", seen.deeds, seen.said);
    let registry = "[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'\n";
    yard.write("spile.toml", format!("[project]\nname = 'acme'\n[environments.dev]\n[environments.prod]\n{registry}"));
    only_reads(&yard, "plan", "a registry on the network");
}

#[test]
fn access_to_other_files_is_detected() {
    let yard = Yard::new();
    let seen = |words: &[&str]| {
        let (root, home) = (yard.root(), yard.home());
        let scene = Scene {
            program: Path::new("/bin/sh"),
            words,
            folder: &root,
            home: &home,
            variables: &[],
            look: Look::AtCalls,
        };
        forbidden(&run(&scene), &root)
    };
    let private = yard.elsewhere("private.txt").canonicalize().unwrap();
    assert!(seen(&["-c", "read x < /etc/passwd"]).contains(&Deed::Opened("/etc/passwd".into())));
    assert!(seen(&["-c", "read x < ../elsewhere/private.txt"]).contains(&Deed::Opened(private.clone())));
    yard.link("link", "../elsewhere/private.txt");
    assert!(seen(&["-c", "read x < link"]).contains(&Deed::Opened(private)), "a link is seen where it leads");
    let has = |found: &[Deed], what: fn(&Deed) -> bool| found.iter().any(what);
    assert!(has(&seen(&["-c", "echo x > file"]), |deed| matches!(deed, Deed::Changed(_))), "a write in the project");
    assert!(has(&seen(&["-c", "exec /bin/true"]), |deed| matches!(deed, Deed::Started(_))), "a program");
    yard.write(".spile/edits.json", "{}");
    assert!(!seen(&["-c", "read x < .spile/edits.json"]).is_empty(), "a file in .spile");
    assert!(seen(&["-c", "read x < spile.toml"]).is_empty(), "allowed actions are not reported");
}
