//! The architecture: a module uses itself and those on floors below it, and floors 0 to 2 are pure.

use regex::Regex;

use crate::sources::{self, SourceFile};

const FLOORS: [&[&str]; 6] = [
    &[
        "name",
        "secret",
        "secrecy",
        "source",
        "problem",
        "phrase",
        "value",
        "table",
        "toml_text",
        "yaml",
        "digest",
        "visible",
    ],
    &["connector", "integration", "locks", "settings", "sops"],
    &[
        "record",
        "plan",
        "render",
        "run",
        "state",
        "alert",
        "import",
        "definition",
        "discovered",
        "form",
        "assist",
        "schema",
        "format",
        "lint",
    ],
    &["world"],
    &["ops"],
    &["view", "server", "cli", "main", "lib"],
];

/// The highest floor without effects.
const PURE: usize = 2;

const EFFECTS: [&str; 7] =
    ["async fn", "std::fs", "std::env::", "tokio", "SystemTime::now", "Timestamp::now", "Uuid::new_v4"];

fn floor(module: &str) -> usize {
    let found = FLOORS.iter().position(|modules| modules.contains(&module));
    found.unwrap_or_else(|| panic!("`{module}` has no floor: add it to DESIGN.md's house and here"))
}

/// Returns the modules that a line of code names, with or without `use`.
fn used(line: &str) -> Vec<String> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_');
    let mut found = Vec::new();
    for path in line.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            Some(group) => found.extend(group.split(',').map(str::trim)),
            None => found.push(path),
        }
    }
    found.into_iter().filter_map(|path| path.split(ends).next()).map(str::to_owned).collect()
}

fn is_module(name: &str) -> bool {
    FLOORS.iter().any(|modules| modules.contains(&name))
}

fn upward(file: &SourceFile) -> Vec<String> {
    let module = file.room();
    let climbs = |used: &String| is_module(used) && *used != module && floor(used) > floor(&module);
    let report = |number, used| format!("{}:{number}: `{module}` uses `{used}`", file.path.display());
    file.lines()
        .flat_map(|(number, line)| used(line).into_iter().filter(climbs).map(move |used| report(number, used)))
        .collect()
}

#[test]
fn every_module_has_a_floor() {
    for file in sources::all() {
        assert!(is_module(&file.room()), "{} has no floor", file.path.display());
    }
}

#[test]
fn dependencies_point_down() {
    let found: Vec<String> = sources::all().iter().flat_map(upward).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The places that start child processes, which must choose the environment of each.
const DOORS: [&str; 2] = ["crates/spile-world/src/processes/child_environment", "crates/spile-world/src/processes/git"];

#[test]
fn children_are_only_started_where_their_environment_is_chosen() {
    let mut found = Vec::new();
    for file in sources::all() {
        let path = file.path.to_string_lossy();
        let is_door = path.ends_with("tests.rs") || DOORS.iter().any(|door| path.starts_with(door));
        for (number, line) in file.lines().filter(|_| !is_door) {
            let starts = line.split("Command::new(").count() > 1;
            found.extend(starts.then(|| format!("{}:{number}: `{line}`", file.path.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Crates with side effects, which no crate below floor 3 may use.
const IMPURE: [&str; 8] = ["tokio", "reqwest", "rusqlite", "rustix", "tempfile", "walkdir", "axum", "age"];

#[test]
fn the_core_has_no_crate_with_side_effects() {
    let manifest = std::fs::read_to_string("crates/spile-core/Cargo.toml").unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let needed: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
    assert!(needed.len() > 10, "{needed:?}");
    assert!(needed.iter().all(|name| !IMPURE.contains(&name.as_str()) && !name.starts_with("spile-")), "{needed:?}");
}

#[test]
fn floors_0_to_2_are_pure() {
    let mut found = Vec::new();
    for file in sources::all().iter().filter(|file| floor(&file.room()) <= PURE) {
        for (number, line) in file.lines() {
            let effects = EFFECTS.iter().filter(|effect| line.contains(**effect));
            found.extend(effects.map(|effect| format!("{}:{number}: `{effect}`", file.path.display())));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The most lines of a file, its unit tests apart, that does not say at its head why it is long.
const LONGEST: usize = 400;

/// How many lines are the head of a file.
const HEAD: usize = 15;

#[test]
fn a_long_file_says_why_it_is_long() {
    let is_of_tests = |file: &SourceFile| file.path.file_stem().is_some_and(|stem| stem == "tests");
    let rust = sources::all().into_iter().filter(|file| !is_of_tests(file));
    let launcher = "crates/spile-world/src/processes/meltano/launch.py";
    let launcher = SourceFile { path: launcher.into(), code: std::fs::read_to_string(launcher).unwrap() };
    let (mut silent, mut idle) = (Vec::new(), Vec::new());
    for SourceFile { path, code } in rust.chain([launcher]) {
        let lines = code.lines().count();
        let says_why = code.lines().take(HEAD).any(|line| line.contains("Long because"));
        match (lines > LONGEST, says_why) {
            (true, false) => silent.push(format!("{}: {lines} lines", path.display())),
            (false, true) => idle.push(path),
            (true, true) | (false, false) => {}
        }
    }
    assert!(silent.is_empty(), "move a wall, or say \"Long because ...\" in the module's doc:\n{}", silent.join("\n"));
    assert!(idle.is_empty(), "these files are no longer long: {idle:?}");
}

/// Who may look for backticks, besides sentences: they are not about sentences of ours.
const BACKTICKS: [(&str, &str); 9] = [
    ("crates/spile-core/src/phrase.rs", "the one reader of sentences"),
    ("crates/spile-core/src/name/setting_name.rs", "characters that no name has"),
    ("crates/spile-core/src/problem.rs", "what encloses a secret in a file"),
    ("crates/spile-core/src/yaml/write.rs", "YAML"),
    ("crates/spile-view/src/markdown.rs", "Markdown is written"),
    ("crates/spile-view/src/connectors.rs", "Markdown of a definition"),
    ("crates/spile-server/src/pages/fields.rs", "Markdown of a definition"),
    ("crates/spile-server/src/refusal/body.rs", "a sentence of serde's"),
    ("crates/spile-ops/src/secrets/import.rs", "a shell's escapes"),
];

#[test]
fn what_is_code_in_a_sentence_is_read_in_one_place() {
    let mut found = Vec::new();
    let mut looking = std::collections::BTreeSet::new();
    for file in sources::all() {
        let path = file.path.to_string_lossy().into_owned();
        let looks = |line: &str| ["'`'", "(\"`\""].iter().any(|form| line.contains(form));
        for (number, line) in file.lines().filter(|(_, line)| looks(line)) {
            looking.insert(path.clone());
            let may = BACKTICKS.iter().any(|(allowed, _)| *allowed == path);
            found.extend((!may).then(|| format!("{path}:{number}: `{line}`")));
        }
    }
    assert!(found.is_empty(), "use `Phrase`:\n{}", found.join("\n"));
    let idle: Vec<_> = BACKTICKS.iter().filter(|(path, _)| !looking.contains(*path)).collect();
    assert!(idle.is_empty(), "no longer: {idle:?}");
}

/// How a file is opened past the door, which alone knows links, pipes and files without end.
const OPENING: [&str; 7] = [
    "fs::read(",
    "fs::read_to_string(",
    "fs::read_dir(",
    "File::open(",
    "File::options(",
    "OpenOptions::new(",
    "WalkDir::new(",
];

/// Modules that may open files themselves, and why: a project's author writes none of these files.
const OPENERS: [(&str, &str); 22] = [
    ("crates/spile-world/src/net/authorities.rs", "the user named the files in the environment"),
    ("crates/spile-world/src/files/door/named.rs", "the user named the file on the command line"),
    ("crates/spile-world/src/keys/key_search.rs", "the user's keys"),
    ("crates/spile-world/src/keys/key_creation.rs", "the user's keys"),
    ("crates/spile-world/src/processes/editor.rs", "a private folder of its own"),
    ("crates/spile-world/src/processes/sops_program/scratch.rs", "a private folder of its own"),
    ("crates/spile-world/src/machine.rs", "the system's own files"),
    ("crates/spile-world/src/processes/meltano/liveness.rs", "the system's own files"),
    (
        "crates/spile-world/src/processes/meltano/fill.rs",
        "the names in the project's folder, which a run gets as links",
    ),
    ("crates/spile-world/src/processes/git/file.rs", "git's own folder"),
    (
        "crates/spile-world/src/processes/git/changed.rs",
        "the names of files, which are opened by `processes/git/file.rs`",
    ),
    ("crates/spile-world/src/processes/meltano/leftovers.rs", "Meltano's own folder"),
    ("crates/spile-world/src/files/own_folder.rs", "spile's own folder"),
    ("crates/spile-world/src/files/own_folder/files.rs", "spile's own folder"),
    ("crates/spile-world/src/files/user_files.rs", "the user's own settings"),
    ("crates/spile-ops/src/import/strays.rs", "the names of files, which are opened by the door"),
    ("crates/spile-world/src/files/door/replace.rs", "folders, to sweep and to flush them"),
    ("crates/spile-world/src/files/project/journal.rs", "spile's own folder"),
    ("crates/spile-world/src/processes/meltano/about.rs", "a private folder of its own"),
    ("crates/spile-world/src/processes/meltano/plugins.rs", "Meltano's own folder"),
    ("crates/spile-world/src/processes/meltano/run_folder.rs", "spile's own folder"),
    ("crates/spile-world/src/processes/meltano/part.rs", "spile's own folder"),
];

#[test]
fn files_of_a_project_are_only_opened_by_its_door() {
    let may = |path: &str| OPENERS.iter().any(|(known, _)| *known == path);
    let mut found = Vec::new();
    for file in sources::all().iter().filter(|file| !file.path.ends_with("tests.rs")) {
        let path = file.path.to_string_lossy().into_owned();
        for (number, line) in file.lines().filter(|_| !may(&path)) {
            let opened = OPENING.iter().filter(|word| line.contains(**word));
            found.extend(opened.map(|word| format!("{path}:{number}: `{word}`: read it through `Project::door`")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let opens = |path: &str| {
        let file = sources::all().into_iter().find(|file| file.path == std::path::Path::new(path));
        file.is_some_and(|file| file.lines().any(|(_, line)| OPENING.iter().any(|word| line.contains(word))))
    };
    let stale: Vec<&str> = OPENERS.iter().map(|(path, _)| *path).filter(|path| !opens(path)).collect();
    assert_eq!(stale, [""; 0], "these open nothing any more");
}

#[test]
fn no_face_notifies_about_runs_by_itself() {
    let mut callers = Vec::new();
    for file in sources::all().iter().filter(|file| file.lines().any(|(_, line)| line.contains("notify::after("))) {
        callers.push(file.path.to_string_lossy().into_owned());
    }
    assert_eq!(callers, ["crates/spile-ops/src/run.rs"], "whoever asks for runs has people notified of them");
}

#[test]
fn no_function_takes_a_tuple_to_stay_under_a_number_of_parameters() {
    // A closure may destructure a tuple, because the caller passes a pair.
    let packed = Regex::new(r"(?m)(?:^\s+|[(]|, )\((?:mut )?\w+(?:, (?:mut )?\w+)+\): \(").unwrap();
    let mut found = Vec::new();
    for file in sources::all() {
        for (number, line) in file.lines().filter(|(_, line)| packed.is_match(line)) {
            found.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(packed.is_match("fn f(a: u8, (b, mut c): (u8, u8)) {") && !packed.is_match("|(b, c): (u8, u8)| b"));
}

#[test]
fn uses_are_found_in_paths_and_in_groups() {
    assert_eq!(used("use crate::world::{Project, World};"), ["world"]);
    assert_eq!(used("use crate::{ops, view::plan};"), ["ops", "view"]);
    assert_eq!(used("let x = crate::ops::check(crate::name::f());"), ["ops", "name"]);
}
