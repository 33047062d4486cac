//! Texts made to overflow the stack or to take forever are refused, or read in time.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use spile_core::sops::{DataKey, Document, NotADocument, Rules, node, rewrite};
use toml::de::DeTable;

/// How long a debug build may take for a text of 100 kB on a busy machine.
const SOON: Duration = Duration::from_secs(5);

const DEEP: usize = 50_000;

/// Runs in limited time, on the stack of a test's thread: 2 MiB, a quarter of the program's.
#[track_caller]
fn soon<T>(act: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = act();
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    done
}

fn is_refused(read: &Result<Document, NotADocument>) -> bool {
    matches!(read, Err(NotADocument::Syntax { .. }))
}

#[test]
fn deep_json_is_refused() {
    for (opening, closing) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", opening.repeat(DEEP), closing.repeat(DEEP));
        assert!(is_refused(&soon(|| Document::from_json(&format!("{{\"sops\":{deep}}}")))));
        assert!(is_refused(&soon(|| Document::from_json(&opening.repeat(DEEP)))));
    }
}

/// The YAML parser, a port of libyaml, takes quadratic time in the depth before it refuses, so it is never called.
#[test]
fn deep_yaml_is_refused() {
    for (opening, closing) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("[ #]\n", "]"), ("[\"]\", ", "]")] {
        let deep = format!("{}1{}", opening.repeat(DEEP), closing.repeat(DEEP));
        assert!(is_refused(&soon(|| Document::from_yaml(&deep))), "{opening}");
        assert!(is_refused(&soon(|| Document::from_yaml(&opening.repeat(DEEP)))), "{opening}");
        assert!(soon(|| Rules::read(&deep)).is_err(), "{opening}");
        let rendered = format!("{}\nx: {}", spile_core::render::MARKER, opening.repeat(DEEP));
        assert!(soon(|| spile_core::render::read::entries(&rendered)).is_err(), "{opening}");
    }
}

/// Texts that only look deep are read: unclosed brackets in a string, and a comment far to the right.
#[test]
fn yaml_with_many_brackets_in_texts_is_read() {
    let text = format!("a: \"{}\"\n{}# far\nsops: {{}}\n", "[{".repeat(DEEP), " ".repeat(DEEP));
    assert_eq!(soon(|| Document::from_yaml(&text)).unwrap().tree.len(), 1);
}

#[test]
fn billion_laughs_in_yaml_are_refused() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..30 {
        let laughs = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{laughs}]").unwrap();
    }
    assert!(is_refused(&soon(|| Document::from_yaml(&text))));
}

#[test]
fn yaml_that_contains_itself_is_refused() {
    assert!(is_refused(&soon(|| Document::from_yaml("sops: &a [*a]\n"))));
}

#[test]
fn deep_toml_is_refused() {
    for (opening, closing) in [("[", "]"), ("{a=", "}")] {
        let deep = format!("a = {}1{}\n", opening.repeat(DEEP), closing.repeat(DEEP));
        assert!(soon(|| DeTable::parse(&deep)).is_err(), "{opening}");
    }
}

#[test]
fn deep_toml_of_dots_is_refused_or_read() {
    let dots = vec!["a"; DEEP].join(".");
    for text in [format!("{dots} = 1\n[sops]\n"), format!("[{dots}]\n[sops]\n"), format!("[sops]\n{dots} = 1\n")] {
        soon(|| {
            let Ok(table) = DeTable::parse(&text) else { return };
            let document = Document::from_members(node::from_toml(table.get_ref())).unwrap();
            let _ = (document.open(&DataKey::generate()), document.to_json(), rewrite(&text, &document));
        });
    }
}

#[test]
fn wide_documents_are_read_in_time() {
    let members: Vec<_> = (0..20_000).map(|number| format!("\"k{number}\": 1")).collect();
    let text = format!("{{{}, \"sops\": {{}}}}", members.join(", "));
    assert_eq!(soon(|| Document::from_json(&text)).unwrap().tree.len(), 20_000);
    assert_eq!(soon(|| Document::from_yaml(&text)).unwrap().tree.len(), 20_000);
}
