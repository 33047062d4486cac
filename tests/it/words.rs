//! The English of the project: phrases that read like a translation must not come back.
//!
//! The tests search what people read: the strings of the program, its help, the pages and the documentation.

use std::path::Path;

use regex::Regex;
use walkdir::WalkDir;

use crate::sources;

/// Phrases that nobody would say to a colleague, and what to say instead.
const BANNED: [(&str, &str); 24] = [
    ("nobody's", "unmanaged"),
    ("is to be", "write what somebody does"),
    ("are to be", "write what somebody does"),
    ("such as", "like, for example"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("whom", "name the recipient"),
    ("who may read", "recipient"),
    ("what of it", "name the thing"),
    ("what is there", "name the thing"),
    ("that is there already", "existing"),
    ("there already", "already exists"),
    ("is told", "report, notify"),
    ("are told of", "report, notify"),
    ("as they stand", "unchanged"),
    ("stands in", "is in"),
    ("stand in plain text", "are in plain text"),
    ("anew", "again"),
    ("colour", "color"),
    ("behaviour", "behavior"),
    ("seen from where it and HEAD part", "since its merge base with HEAD"),
    ("whoever", "anyone who"),
    ("take over", "adopt, import"),
    ("let integrations rest", "pause"),
];

/// Returns the banned phrases in a text.
fn banned(text: &str) -> impl Iterator<Item = &'static (&'static str, &'static str)> + use<'_> {
    let lower = text.to_lowercase();
    let is_word = |at: Option<char>| at.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    BANNED.iter().filter(move |(phrase, _)| {
        let phrase = phrase.to_lowercase();
        lower.match_indices(phrase.as_str()).any(|(at, _)| {
            !is_word(lower[..at].chars().next_back()) && !is_word(lower[at + phrase.len()..].chars().next())
        })
    })
}

fn report(found: &mut Vec<String>, path: &str, text: &str) {
    let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
    found.extend(banned(text).map(|(phrase, instead)| format!("{path}: `{phrase}` ({instead}): {shown}")));
}

#[test]
fn messages_of_the_program_are_plain_english() {
    let literal = Regex::new(r#""(?:[^"\\]|\\[\s\S])*""#).unwrap();
    let placeholder = Regex::new(r"\{\w*\}").unwrap();
    let mut found = Vec::new();
    for file in sources::all().iter().filter(|file| !file.path.ends_with("tests.rs")) {
        let code = file.lines().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        for text in literal.find_iter(&code) {
            // A key, a keyword of a format or a query is not a sentence.
            let is_sentence = text.as_str().contains(' ') && !text.as_str().to_lowercase().contains("select ");
            if is_sentence {
                report(&mut found, &file.path.display().to_string(), &placeholder.replace_all(text.as_str(), ""));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn comments_are_plain_english() {
    let code = Regex::new(r"`[^`]*`").unwrap();
    let mut found = Vec::new();
    for file in sources::all() {
        for line in file.code.lines().map(str::trim_start).filter(|line| line.starts_with("//")) {
            report(&mut found, &file.path.display().to_string(), &code.replace_all(line, ""));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn documentation_and_pages_are_plain_english() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fence = Regex::new(r"(?s)```.*?```|\{[%#].*?[%#]\}|\{\{.*?\}\}|`[^`\n]*`").unwrap();
    let of =
        |folder: &str| WalkDir::new(top.join(folder)).into_iter().map(Result::unwrap).map(walkdir::DirEntry::into_path);
    let pages = of("docs")
        .chain(of("templates"))
        .chain(of("examples"))
        .chain(of("action"))
        .chain(of("gitlab-component"))
        .chain(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| top.join(name)));
    let is_read = |path: &std::path::PathBuf| path.extension().is_some_and(|kind| kind == "md" || kind == "j2");
    let (mut found, mut pages_read) = (Vec::new(), 0);
    for path in pages.filter(is_read) {
        pages_read += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for line in fence.replace_all(&text, "").lines() {
            report(&mut found, &path.strip_prefix(top).unwrap().display().to_string(), line);
        }
    }
    assert!(pages_read > 100, "only {pages_read} pages were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_banned_phrase_is_found_as_words_alone() {
    let all = |text| banned(text).map(|(phrase, _)| *phrase).collect::<Vec<_>>();
    assert_eq!(all("Mend it, whom"), ["mend", "whom"]);
    assert_eq!(all("amended, recommend, mend_it"), [""; 0]);
}
