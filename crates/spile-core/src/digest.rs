//! Digests, which identify texts.

use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Returns the SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the SHA-256 of bytes in lowercase hexadecimal.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Returns git's id of a file with these bytes, as long as the ids of the repository.
#[must_use]
pub fn git_blob(bytes: &[u8], letters: usize) -> String {
    let head = format!("blob {}\0", bytes.len());
    if letters == 64 {
        return hex(&Sha256::new().chain_update(head).chain_update(bytes).finalize());
    }
    hex(&Sha1::new().chain_update(head).chain_update(bytes).finalize())
}

/// Returns the SHA-256 of a value as JSON. Only for values that JSON can always express: maps with text keys, and JSON
/// values.
#[must_use]
pub fn of_json(value: &impl Serialize) -> String {
    hash(&serde_json::to_vec(value).unwrap_or_default())
}

/// Returns bytes in lowercase hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        hex.push(DIGITS[usize::from(byte >> 4)].into());
        hex.push(DIGITS[usize::from(byte & 15)].into());
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_the_same_ids_as_in_git() {
        // `printf 'hello\n' | git hash-object --stdin`, in a repository of each kind.
        assert_eq!(git_blob(b"hello\n", 40), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(git_blob(b"hello\n", 64), "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4");
    }
}
