//! Catalogs of sources.
#![no_main]

use spile_core::discovered::read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(streams) = read(bytes) {
        for stream in &streams {
            stream.fields.iter().for_each(|field| drop(field.name()));
        }
    }
});
