//! Documents from other programs decrypt, have valid MACs, and contain the expected values.

use super::{assert_holds, documents, identities, read, text, unwrap};
use spile_core::sops::NotADocument;

/// Documents that spile leaves to the official program: keys in groups, and scopes that comments decide.
const PROGRAM: [&str; 4] =
    ["./encrypted-comment-regex.yaml", "./key-groups.json", "./key-groups.yaml", "./unencrypted-comment-regex.yaml"];

/// The folders of valid documents, with the keys for them. There are `.env` and `.ini` documents too: spile reads
/// neither, because their values have no types and their keys no tables.
const FOLDERS: [(&str, &[&str]); 6] = [
    (".", &["key.txt", "ssh_ed25519"]),
    ("samples/official-as-toml", &["samples/age-key.txt"]),
    ("samples/official-rewrapped", &["samples/age-key.txt"]),
    ("samples/official-via-rops-repo", &["samples/rops-repo-age-key.txt"]),
    ("samples/rops-made", &["samples/age-key.txt", "samples/rops-repo-age-key.txt"]),
    ("samples/toml-as-json", &["samples/age-key.txt", "samples/rops-repo-age-key.txt"]),
];

#[test]
fn every_document_of_other_programs_decrypts_with_a_valid_mac() {
    for (folder, keys) in FOLDERS {
        let identities: Vec<_> = keys.iter().flat_map(|key| identities(key)).collect();
        for name in documents(folder).iter().filter(|name| !PROGRAM.contains(&name.as_str())) {
            if name == "./documents.yaml" {
                continue;
            }
            let document = read(name, &text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!document.metadata.needs_program(), "{name}");
            let key = unwrap(&document, &identities).unwrap_or_else(|| panic!("{name}: no key opens it"));
            let leaves = document.open(&key).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            let stem = name.rsplit_once('.').unwrap().0;
            let of_rops_repository = folder.ends_with("via-rops-repo");
            let expected = if of_rops_repository { stem } else { name };
            assert_holds(name, &leaves, &text(&format!("{expected}.expected.json")));
        }
    }
}

#[test]
fn the_official_documents_have_no_mistakes() {
    for name in documents(".").iter().filter(|name| *name != "./documents.yaml") {
        let document = read(name, &text(name)).unwrap();
        assert_eq!(document.metadata.mistakes(), [], "{name}");
    }
}

#[test]
fn each_of_several_recipients_can_decrypt() {
    for name in ["several-recipients.json", "several-recipients.yaml"] {
        let document = read(name, &text(name)).unwrap();
        for key in ["key.txt", "other-key.txt"] {
            let key = unwrap(&document, &identities(key)).unwrap();
            assert_holds(name, &document.open(&key).unwrap(), &text(&format!("{name}.expected.json")));
        }
        assert!(unwrap(&document, &identities("ssh_ed25519")).is_none());
    }
}

#[test]
fn documents_that_need_the_program_are_recognized_without_a_key() {
    for name in PROGRAM {
        assert!(read(name, &text(name)).unwrap().metadata.needs_program(), "{name}");
    }
    assert_eq!(read("documents.yaml", &text("documents.yaml")), Err(NotADocument::Several));
}

#[test]
fn a_document_with_aliases_is_refused_before_they_are_expanded() {
    let items = "x, ".repeat(20_000);
    let text = format!("a: &a [{items}]\nb: [{}]\nsops: {{}}\n", "*a, ".repeat(20_000));
    assert_eq!(read("aliases.yaml", &text), Err(NotADocument::Aliases));
    assert!(spile_core::sops::Rules::read(&text).unwrap_err().to_string().contains("aliases"));
}
