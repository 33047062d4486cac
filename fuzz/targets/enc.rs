//! `ENC[...]`: any text is refused or written back unchanged.
#![no_main]

use spile_core::sops::{DataKey, Enc};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(enc) = text.parse::<Enc>() {
        assert_eq!(enc.to_string(), text);
        let key = DataKey::from_bytes(&[7; 32]).expect("32 bytes");
        let _ = key.decrypt(&enc, b"secrets:password:");
    }
});
