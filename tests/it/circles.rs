//! No two modules beside each other use each other: of any two, one can be read without the other.
//!
//! Judged by the text, for what a module is and all that is below it. A module and those below it belong together, so
//! what one of them takes from the other is not looked at; nor is what comes by a re-export of the module above both.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::sources::{self, SourceFile};

/// The names on the way to a module from the root of its crate.
type Module = Vec<String>;

/// The modules of one crate, each with what its text uses.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// Returns the folder of the crate that a file is in, and the module that the file is.
fn module_of(file: &SourceFile) -> (String, Module) {
    let parts: Vec<&str> = file.path.iter().map(|part| part.to_str().unwrap()).collect();
    let at = parts.iter().position(|part| *part == "src").unwrap();
    let names = parts[at + 1..].iter().map(|part| part.trim_end_matches(".rs").to_owned());
    let module: Module = names.collect();
    let is_root = module == ["lib"] || module == ["main"];
    (parts[..=at].join("/"), if is_root { Vec::new() } else { module })
}

/// Returns the paths of a tree of uses: `a::{b, c::{d, e}}` has three.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((start, group)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = &group[from..at];
                found.extend(
                    paths(branch).into_iter().filter(|path| !path.is_empty()).map(|path| format!("{start}{path}")),
                );
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// Returns all paths that a text begins at its crate, at itself or at the module above.
fn paths_in(code: &str) -> Vec<String> {
    let uses = Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap();
    let others = Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").unwrap();
    let rest = uses.replace_all(code, "");
    let spelled = others.find_iter(&rest).map(|found| found.as_str().to_owned());
    uses.captures_iter(code).flat_map(|found| paths(&found[1])).chain(spelled).collect()
}

/// Returns the module that a path leads to from another one, as far as there are modules on its way.
fn reached(from: &Module, path: &str, known: &BTreeSet<Module>) -> Option<Module> {
    let mut names = path.split("::").map(str::trim).peekable();
    let mut module = match *names.peek()? {
        "crate" => Vec::new(),
        "self" | "super" => from.clone(),
        _ => return None,
    };
    while let Some(up) = names.next_if(|name| matches!(*name, "crate" | "self" | "super")) {
        if up == "super" {
            module.pop()?;
        }
    }
    for name in names {
        let below = [module.as_slice(), &[name.to_owned()]].concat();
        if !known.contains(&below) {
            break;
        }
        module = below;
    }
    Some(module)
}

/// Returns what each module of each crate uses; tests use whatever they like.
fn uses(files: &[SourceFile]) -> BTreeMap<String, Uses> {
    let files: Vec<_> = files.iter().filter(|file| !file.path.ends_with("tests.rs")).collect();
    let mut known: BTreeMap<String, BTreeSet<Module>> = BTreeMap::new();
    for file in &files {
        let (folder, module) = module_of(file);
        known.entry(folder).or_default().insert(module);
    }
    let mut uses: BTreeMap<String, Uses> = BTreeMap::new();
    for file in files {
        let (folder, module) = module_of(file);
        let code: Vec<&str> = file.lines().map(|(_, line)| line).collect();
        let paths = paths_in(&code.join("\n")).into_iter();
        let reached = paths.filter_map(|path| reached(&module, &path, &known[&folder])).collect();
        uses.entry(folder).or_default().insert(module, reached);
    }
    uses
}

/// Returns the two modules beside each other, in the same one above, by which one module uses another.
fn beside(user: &Module, other: &Module) -> Option<(Module, Module)> {
    let shared = user.iter().zip(other).take_while(|(one, other)| one == other).count();
    let is_beside = user.len() > shared && other.len() > shared;
    is_beside.then(|| (user[..=shared].to_vec(), other[..=shared].to_vec()))
}

/// Returns each two modules that use each other, with who does.
fn circles(uses: &Uses) -> Vec<String> {
    let mut edges: BTreeMap<(Module, Module), String> = BTreeMap::new();
    for (user, used) in uses.iter().flat_map(|(user, all)| all.iter().map(move |used| (user, used))) {
        if let Some(pair) = beside(user, used) {
            edges.entry(pair).or_insert_with(|| format!("`{}` uses `{}`", user.join("::"), used.join("::")));
        }
    }
    let back = |(one, other): &(Module, Module)| edges.get(&(other.clone(), one.clone()));
    let circles = edges.iter().filter(|((one, other), _)| one < other);
    circles.filter_map(|(pair, there)| Some(format!("{there}, and {}", back(pair)?))).collect()
}

#[test]
fn no_two_modules_use_each_other() {
    let uses = uses(&sources::all());
    assert!(uses.len() > 5 && uses.values().all(|modules| modules.len() > 20), "{:?}", uses.keys());
    let found =
        uses.iter().flat_map(|(folder, uses)| circles(uses).into_iter().map(move |one| format!("{folder}: {one}")));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_circle_is_found_however_its_uses_are_written() {
    let file = |path: &str, code: &str| SourceFile { path: path.into(), code: code.to_owned() };
    let found = |one: &str, other: &str| {
        let files = [
            file("src/a.rs", one),
            file("src/b.rs", other),
            file("src/b/c.rs", ""),
            file("src/lib.rs", "use crate::a;"),
        ];
        circles(&uses(&files)["src"])
    };
    let circle = ["`a` uses `b::c`, and `b` uses `a`"];
    assert_eq!(found("use super::{x, b::{c::{D, d}}};", "fn f() { super::a::g() }"), circle);
    assert_eq!(found("pub(crate) use crate::b::c as d;", "use crate::{\n    a::E,\n};"), circle);
    assert_eq!(found("// use crate::b;", "use super::a;"), [""; 0]);
    assert_eq!(found("use crate::{F, g};", "use super::a; use self::c;"), [""; 0]);
}
