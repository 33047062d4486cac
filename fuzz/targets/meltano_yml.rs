//! Any `meltano.yml`: read back, read in parts, and imported.
#![no_main]

use std::collections::BTreeMap;

use spile_core::connector::{Catalog, Role};
use spile_core::import::{self, LeftAlone, Locks};
use spile_core::problem::Problems;
use spile_core::render::read;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = (read::entries(text), read::back(text).is_ok(), read::installed(text, Role::Extractor, "tap-x"));
    let _ = import::include_paths(text);
    let Ok(text) = import::prepared(text) else { return };
    let (catalog, locks): (Catalog, Locks) = (Catalog::new(&[], &mut Problems::default()), BTreeMap::new());
    if let Ok(found) = import::import(&text, (&catalog, &locks), &mut LeftAlone::new()) {
        assert!(found.files.iter().all(|file| !file.path.is_absolute()), "a file outside of the project");
    }
});
