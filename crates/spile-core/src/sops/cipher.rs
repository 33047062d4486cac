//! The cipher of sops: AES-256-GCM with a nonce of 32 bytes, and the path of keys as associated data.

use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, Generate, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{Aes256Gcm, AesGcm};
use zeroize::Zeroizing;

use super::enc::{Enc, PlainKind};

/// AES-256-GCM as sops uses it, with a nonce that is longer than the usual 12 bytes.
type Wide = AesGcm<Aes256, U32>;

/// The key of one document: 32 random bytes, wrapped once for every recipient.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Creates a random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(Array::<u8, U32>::generate().into()))
    }

    /// Returns the key that a recipient has unwrapped; `None` if it does not have 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Returns the bytes, for wrapping.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Encrypts with a new nonce. Returns `None` for an empty text, because sops never encrypts one.
    #[must_use]
    pub fn encrypt(&self, plain: &[u8], kind: PlainKind, associated: &[u8]) -> Option<Enc> {
        let iv = Array::<u8, U32>::generate();
        let payload = Payload { msg: plain, aad: associated };
        // This only fails for texts of more than 64 GiB.
        let mut data = Wide::new(&Array::from(*self.0)).encrypt(&iv, payload).ok()?;
        let tag = data.split_off(plain.len());
        (!plain.is_empty()).then(|| Enc { data, iv: iv.to_vec(), tag, kind })
    }

    /// Decrypts; `None` if key, associated data and ciphertext do not match, or sops never writes a nonce of this
    /// length.
    #[must_use]
    pub fn decrypt(&self, enc: &Enc, associated: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = [enc.data.as_slice(), &enc.tag].concat();
        let payload = Payload { msg: &sealed, aad: associated };
        let key = Array::from(*self.0);
        let plain = match enc.iv.len() {
            32 => Wide::new(&key).decrypt(&Array::try_from(enc.iv.as_slice()).ok()?, payload),
            12 => Aes256Gcm::new(&key).decrypt(&Array::try_from(enc.iv.as_slice()).ok()?, payload),
            _ => return None,
        };
        plain.ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphertext_is_decrypted_only_with_the_same_key_and_path() {
        let key = DataKey::generate();
        let enc = key.encrypt(b"hunter2", PlainKind::Str, b"secrets:password:").unwrap();
        assert_eq!(key.decrypt(&enc, b"secrets:password:").unwrap().as_slice(), b"hunter2");
        assert!(key.decrypt(&enc, b"secrets:user:").is_none());
        assert!(DataKey::generate().decrypt(&enc, b"secrets:password:").is_none());
    }

    #[test]
    fn nonces_are_wide_and_never_repeat() {
        let key = DataKey::generate();
        let ivs: std::collections::BTreeSet<_> =
            (0..64).map(|_| key.encrypt(b"x", PlainKind::Str, b"").unwrap().iv).collect();
        assert!(ivs.len() == 64 && ivs.iter().all(|iv| iv.len() == 32));
    }
}
