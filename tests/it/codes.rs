//! Codes of problems and errors: programs and people look them up, so each has one meaning and never changes.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::sources;

/// Codes that two variants share on purpose, because they mean the same to a user.
const SHARED: [(&str, &str); 1] = [("spile::plan::stale", "a saved plan and a target find out in different places")];

/// Returns the files that contain each code, once for each occurrence.
fn written() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources::all() {
        let code: String = file.lines().map(|(_, line)| line).collect();
        for rest in code.split("code(spile::").skip(1) {
            let word = rest.split(')').next().unwrap();
            found.entry(format!("spile::{word}")).or_default().push(file.path.display().to_string());
        }
    }
    // Handlers make the server's refusals, and several may use the same code.
    for file in sources::all().iter().filter(|file| file.room() == "server") {
        let code: String = file.lines().map(|(_, line)| line).collect();
        for rest in code.split("\"spile::").skip(1) {
            let word = rest.split('"').next().unwrap();
            found.entry(format!("spile::{word}")).or_insert_with(|| vec![file.path.display().to_string()]);
        }
    }
    found
}

#[test]
fn each_code_belongs_to_one_mistake() {
    let shared = |code: &str| SHARED.iter().any(|(known, _)| *known == code);
    let twice: Vec<_> = written().into_iter().filter(|(code, at)| at.len() > 1 && !shared(code)).collect();
    assert!(twice.is_empty(), "used by more than one variant: {twice:#?}");
    let found = written();
    for (code, reason) in SHARED {
        assert!(found.get(code).is_some_and(|at| at.len() > 1), "`{code}` is not shared any more ({reason})");
    }
}

#[test]
fn codes_are_three_words() {
    for code in written().keys() {
        let words: Vec<&str> = code.split("::").collect();
        let plain = |word: &&str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        assert!(words.len() == 3 && words.iter().all(plain), "`{code}` is not `spile::area::word`");
    }
}

#[test]
fn no_code_is_added_or_removed_unnoticed() {
    let mut list = String::new();
    for code in written().keys() {
        writeln!(list, "{code}").unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("codes", list));
}

#[test]
fn every_code_is_documented() {
    let documented = include_str!("../../docs/codes.md");
    let missing: Vec<_> = written().into_keys().filter(|code| !documented.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "not in docs/codes.md: {missing:?}");
}

#[test]
fn every_page_is_what_explain_prints_for_its_code() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes");
    let known = written();
    for page in std::fs::read_dir(pages).unwrap() {
        let path = page.unwrap().path();
        let code = format!("spile::{}", path.file_stem().unwrap().to_string_lossy().replace('-', "::"));
        assert!(known.contains_key(&code), "{}: nothing has the code `{code}`", path.display());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(spile_ops::explain::explain(&code).unwrap().text, text, "{}", path.display());
    }
}
