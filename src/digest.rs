//! Digests, by which texts are told apart and kept.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Returns the SHA-256 of bytes in lower-case hexadecimal.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the SHA-256 of a value as JSON, of what can always be written as that: maps with text keys, and values of JSON.
#[must_use]
pub fn of_json(value: &impl Serialize) -> String {
    hash(&serde_json::to_vec(value).unwrap_or_default())
}

/// Returns bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        hex.extend([byte >> 4, byte & 15].map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('0')));
        hex
    })
}
