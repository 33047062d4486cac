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
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        hex.push(DIGITS[usize::from(byte >> 4)].into());
        hex.push(DIGITS[usize::from(byte & 15)].into());
        hex
    })
}
