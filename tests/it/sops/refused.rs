//! spile refuses everything that the official sops refuses, with the right reason.

use super::{documents, identities, read, text, unwrap};

/// Every document that sops refuses, and spile's reason, by the name of the error: `NotADocument` if it does not parse,
/// a list of `BadMetadata` if its metadata has mistakes, a `Fault` if it does not decrypt.
const REFUSED: [(&str, &str); 78] = [
    ("negative/boolean-in-scope.json", r#"NotEnc { path: ["secrets", "password"], reason: Plain }"#),
    ("negative/cipher-aes128.json", r#"NotEnc { path: ["secrets", "password"], reason: Cipher }"#),
    ("negative/data-changed.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
    ("negative/data-shortened.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
    ("negative/empty.json", r#"Syntax { format: "JSON", message: "line 2, column 0" }"#),
    ("negative/enc-base64-unpadded.json", r#"NotEnc { path: ["secrets", "password"], reason: Base64("tag") }"#),
    ("negative/enc-data-empty.json", r#"NotEnc { path: ["secrets", "password"], reason: Base64("data") }"#),
    ("negative/enc-leading-space.json", r#"NotEnc { path: ["secrets", "password"], reason: Plain }"#),
    ("negative/enc-not-base64.json", r#"NotEnc { path: ["secrets", "password"], reason: Base64("data") }"#),
    ("negative/enc-out-of-scope.json", "MacMismatch"),
    ("negative/enc-truncated.json", r#"NotEnc { path: ["secrets", "password"], reason: CutShort }"#),
    ("negative/enc-without-a-type.json", r#"NotEnc { path: ["secrets", "password"], reason: Parts }"#),
    ("negative/enc-without-the-last-bracket.json", r#"NotEnc { path: ["secrets", "password"], reason: CutShort }"#),
    ("negative/iv-changed.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
    ("negative/iv-shortened.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
    ("negative/key-group-missing.json", "needs the program"),
    ("negative/key-twice.json", r#"Syntax { format: "JSON", message: "line 26, column 16" }"#),
    ("negative/lastmodified-a-date.json", "[Time]"),
    ("negative/lastmodified-edited.json", "MacUndecryptable"),
    ("negative/lastmodified-missing.json", r#"[Missing("lastmodified")]"#),
    ("negative/list-elements-swapped.json", "MacMismatch"),
    ("negative/mac-changed.json", "MacUndecryptable"),
    ("negative/mac-empty.json", r#"[Missing("mac")]"#),
    ("negative/mac-from-another-document.json", "MacUndecryptable"),
    ("negative/mac-missing.json", r#"[Missing("mac")]"#),
    ("negative/mac-not-encrypted.json", "[Mac(Plain)]"),
    ("negative/mac-null.json", r#"[Missing("mac")]"#),
    ("negative/mac-only-flag-added.json", "MacMismatch"),
    ("negative/mac-only-flag-removed.json", "MacMismatch"),
    ("negative/mac-only-list-elements-swapped.json", "MacMismatch"),
    ("negative/mac-only-nested-secrets-moved.json", "MacMismatch"),
    ("negative/mac-only-secret-removed.json", "MacMismatch"),
    ("negative/metadata-empty.json", r#"[Missing("version"), Missing("lastmodified"), Missing("mac"), NoRecipients]"#),
    ("negative/metadata-missing.json", "NoMetadata"),
    ("negative/metadata-null.json", "Metadata(NotATable)"),
    ("negative/not-an-object.json", "NotAMap"),
    ("negative/not-json.json", r#"Syntax { format: "JSON", message: "line 2, column 0" }"#),
    ("negative/number-in-scope.json", r#"NotEnc { path: ["secrets", "password"], reason: Plain }"#),
    ("negative/plain-value-edited.json", "MacMismatch"),
    ("negative/plaintext-in-scope.json", r#"NotEnc { path: ["secrets", "password"], reason: Plain }"#),
    ("negative/recipient-damaged.json", "no identity"),
    ("negative/recipient-not-ours.json", "no identity"),
    ("negative/recipient-of-another-document.json", r#"Undecryptable { path: ["config", "secrets", "nested"] }"#),
    ("negative/recipients-empty.json", "[NoRecipients]"),
    ("negative/recipients-missing.json", "[NoRecipients]"),
    ("negative/scope-narrowed.json", "MacMismatch"),
    ("negative/scope-not-a-pattern.json", "MacMismatch"),
    ("negative/scope-removed.json", r#"NotEnc { path: ["type"], reason: Plain }"#),
    ("negative/scope-widened.json", r#"NotEnc { path: ["type"], reason: Plain }"#),
    ("negative/scopes-two.json", "[Rule(TwoRules)]"),
    ("negative/secret-added-by-copy.json", "MacMismatch"),
    ("negative/secret-emptied.json", "MacMismatch"),
    ("negative/secret-nulled.json", "MacMismatch"),
    ("negative/secret-removed.json", "MacMismatch"),
    ("negative/secret-renamed.json", r#"Undecryptable { path: ["secrets", "passphrase"] }"#),
    ("negative/secrets-reordered.json", "MacMismatch"),
    ("negative/tag-changed.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
    ("negative/tag-shortened.json", r#"NotEnc { path: ["secrets", "password"], reason: Tag }"#),
    ("negative/type-empty.json", r#"NotEnc { path: ["secrets", "password"], reason: Kind }"#),
    ("negative/type-str-to-bool.json", r#"Kind { path: ["secrets", "password"] }"#),
    ("negative/type-str-to-bytes.json", r#"Kind { path: ["secrets", "password"] }"#),
    ("negative/type-str-to-comment.json", "MacMismatch"),
    ("negative/type-str-to-int.json", r#"Kind { path: ["secrets", "password"] }"#),
    ("negative/type-unknown.json", r#"NotEnc { path: ["secrets", "password"], reason: Kind }"#),
    ("negative/values-swapped.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
    ("negative/version-empty.json", r#"[Missing("version")]"#),
    ("negative/version-missing.json", r#"[Missing("version")]"#),
    ("negative/version-not-semantic.json", "[Version]"),
    ("negative/yaml-date-as-text.yaml", "MacMismatch"),
    ("negative/yaml-documents-removed.yaml", "MacMismatch"),
    ("samples/negative/keys-reordered.mac-mismatch.json", "MacMismatch"),
    ("samples/negative/lastmodified-edited.mac-undecryptable.json", "MacUndecryptable"),
    ("samples/negative/mac_only-flag-added.mac-mismatch.json", "MacMismatch"),
    ("samples/negative/no-version.official-cli-rejects.json", r#"[Missing("version")]"#),
    (
        "samples/negative/plaintext-where-encrypted.not-enc.json",
        r#"NotEnc { path: ["secrets", "password"], reason: Plain }"#,
    ),
    ("samples/negative/secret-removed.mac-mismatch.json", "MacMismatch"),
    ("samples/negative/unencrypted-value-edited.mac-mismatch.json", "MacMismatch"),
    ("samples/negative/values-swapped.gcm-fail.json", r#"Undecryptable { path: ["secrets", "password"] }"#),
];

/// The keys that existed when the documents were made.
const KEYS: [&str; 3] = ["key.txt", "samples/age-key.txt", "samples/rops-repo-age-key.txt"];

/// A data key that is split over groups, or wrapped by other keys than age's.
pub const PROGRAM: &str = "needs the program";

/// Returns why a document is refused; `None` if it decrypts.
pub fn refusal(name: &str) -> Option<String> {
    let document = match read(name, &text(name)) {
        Ok(document) => document,
        Err(error) => return Some(format!("{error:?}")),
    };
    let mistakes = document.metadata.mistakes();
    if !mistakes.is_empty() {
        return Some(format!("{mistakes:?}"));
    }
    if document.metadata.needs_program() {
        return Some(PROGRAM.to_owned());
    }
    let identities: Vec<_> = KEYS.into_iter().flat_map(identities).collect();
    let Some(key) = unwrap(&document, &identities) else { return Some("no identity".to_owned()) };
    document.open(&key).err().map(|fault| format!("{fault:?}"))
}

/// Without its quotes, `lastmodified` is a timestamp in YAML. A YAML 1.2 reader, like spile's, has no such type and
/// reads the same text, which the MAC covers anyway; spile writes no YAML.
const LENIENT: &str = "negative/yaml-lastmodified-unquoted.yaml";

#[test]
fn what_sops_refuses_is_refused_for_the_right_reason() {
    let names = [documents("negative"), documents("samples/negative")].concat();
    let names: Vec<_> = names.iter().map(String::as_str).filter(|name| *name != LENIENT).collect();
    let listed: Vec<_> = REFUSED.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, listed, "the table has every document");
    for (name, reason) in REFUSED {
        assert_eq!(refusal(name).as_deref(), Some(reason), "{name}");
    }
}

#[test]
fn an_unquoted_time_in_yaml_is_the_same_time() {
    assert_eq!(refusal(LENIENT), None);
}

#[test]
fn no_reason_quotes_a_value() {
    let words = ["hunter2", "postgres"];
    for (name, reason) in REFUSED {
        let message = read(name, &text(name)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!words.iter().any(|word| reason.contains(word) || message.contains(word)), "{name}");
    }
}
