//! Documents that look wrong but that the official sops accepts: spile accepts them too, or refuses them for a reason
//! stated here.

use super::refused::{PROGRAM, refusal};
use super::{assert_holds, documents, identities, read, text, unwrap};

/// The cases in which spile is stricter: the reason, and the error.
const STRICTER: [(&str, &str, &str); 6] = [
    (
        "odd/enc-trailing-text.json",
        "sops does not look behind the bracket: whatever was added there would stay unseen",
        r#"NotEnc { path: ["secrets", "password"], reason: CutShort }"#,
    ),
    ("odd/key-groups-swapped.json", "groups are the official program's", PROGRAM),
    (
        "odd/tag-moved-into-data.json",
        "sops never wrote a tag of another length than 16 bytes",
        r#"NotEnc { path: ["secrets", "password"], reason: Tag }"#,
    ),
    (
        "odd/yaml-forms.yaml",
        "`!!binary` and `!custom` are tags, and no kinds of a sops value",
        r#"Syntax { format: "YAML", message: "line 7, column 18" }"#,
    ),
    ("odd/yaml-metadata-in-the-first-document-only.yaml", "no integration's secrets are several documents", "Several"),
    (
        "odd/yaml-timestamps.yaml",
        "sops hashes a timestamp as it would write it; only one that was edited by hand is written otherwise",
        "MacMismatch",
    ),
];

#[test]
fn what_sops_accepts_is_accepted_or_refused_for_a_reason() {
    let identities = identities("key.txt");
    for name in documents("odd") {
        if let Some((_, why, reason)) = STRICTER.iter().find(|(stricter, ..)| *stricter == name) {
            assert_eq!(refusal(&name).as_deref(), Some(*reason), "{name}: {why}");
            continue;
        }
        assert_eq!(refusal(&name), None, "{name}");
        let document = read(&name, &text(&name)).unwrap();
        let leaves = document.open(&unwrap(&document, &identities).unwrap()).unwrap();
        assert_holds(&name, &leaves, &text(&format!("{name}.expected.json")));
    }
}

#[test]
fn every_stricter_case_is_a_document() {
    let names = documents("odd");
    assert!(STRICTER.iter().all(|(name, ..)| names.iter().any(|known| known == name)));
}
