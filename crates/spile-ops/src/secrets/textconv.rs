//! Converts a file for `git diff`, which then shows which secrets changed, but never their values.

use super::file::SecretsFile;
use spile_core::digest::hash;
use spile_core::sops::SECRETS;

/// Returns a file with a short mark in place of every ciphertext, and its recipients in place of the metadata. A ciphertext
/// changes only if its value does, so equal marks mean equal values. No key is needed. A text that is not TOML, for example
/// because of a conflict, is shown as it is.
#[must_use]
pub fn textconv(path: &std::path::Path, text: &str) -> String {
    let document = SecretsFile::of_text(path, text).ok().and_then(|file| file.document);
    let Some(document) = document else { return text.to_owned() };
    let mut lines = vec![plain_part(text), format!("[{SECRETS}]")];
    for (name, node) in document.secrets() {
        let mark = node.as_text().map(|text| hash(text.as_bytes())[..8].to_owned()).unwrap_or_default();
        lines.push(format!("{name} = <secret {mark}>"));
    }
    lines.extend([String::new(), "[sops]".to_owned()]);
    lines.extend(document.metadata.recipients().iter().map(|reader| format!("recipient: {reader}")));
    lines.join("\n") + "\n"
}

/// Returns the text without `[secrets]` and `[sops]`.
pub(super) fn plain_part(text: &str) -> String {
    match spile_core::table::editable(text) {
        Ok(mut file) => {
            file.remove(SECRETS);
            file.remove("sops");
            file.to_string()
        }
        Err(_) => text.to_owned(),
    }
}
