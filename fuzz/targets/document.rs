//! Documents in every format: read, decrypted, written as JSON, rewritten into a TOML file, changed and encrypted
//! again.
#![no_main]

use spile_core::secret::Secret;
use spile_core::sops::{DataKey, Document, SECRETS, node, rewrite};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let key = DataKey::from_bytes(&[7; 32]).expect("32 bytes");
    let read = [Document::from_json(text).ok(), Document::from_yaml(text).ok(), toml(text)];
    for document in read.into_iter().flatten() {
        exercise(document, &key);
    }
    if let Some(document) = toml(text) {
        let _ = document.open(&key);
        // One TOML reader refuses a number beyond 64 bits, and the other does not.
        if let Ok(written) = rewrite(text, &document) {
            assert_eq!(rewrite(&written, &document).expect("and again"), written);
        }
    }
});

fn toml(text: &str) -> Option<Document> {
    let table = toml::de::DeTable::parse(text).ok()?;
    Document::from_members(node::from_toml(table.get_ref())).ok()
}

/// A document that decrypts also decrypts after it is written.
fn exercise(mut document: Document, key: &DataKey) {
    let opened = document.open(key);
    let _ = (document.metadata.mistakes(), document.ciphertexts());
    let again = Document::from_json(&document.to_json());
    if document.metadata.is_profile() && opened.is_ok() {
        let again = again.expect("what spile writes, it reads").carrier();
        assert_eq!(again.open(key).is_ok(), document.carrier().open(key).is_ok());
    }
    if !document.metadata.is_profile() {
        return;
    }
    document.set("password", &Secret::new("hunter2"), key);
    if document.seal(key, jiff::Timestamp::UNIX_EPOCH).is_ok() {
        document.open(key).expect("what is sealed opens");
        let written = rewrite("", &document.carrier()).expect("nothing is TOML");
        let read = toml(&written).expect("what spile writes, it reads");
        assert!(node::find(&read.tree, SECRETS).is_some());
    }
}
