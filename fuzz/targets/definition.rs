//! Third-party definitions: each is refused with a reason, or becomes a connector with a valid file.
#![no_main]

use spile_core::connector::read::connector;
use spile_core::definition::{self, DefinitionHints};
use spile_core::problem::Problems;
use spile_core::source::Source;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for name in ["tap.yml", "tap.json", "meltano.yml"] {
        let mut problems = Problems::default();
        let asked = DefinitionHints { pip_url: Some("tap".to_owned()), ..Asked::default() };
        let found = definition::read(&Source::new(name, text), &asked, &mut problems);
        let is_refused = problems.any_error();
        let Some(found) = found.filter(|_| !is_refused) else {
            assert!(is_refused, "it is refused for a reason");
            continue;
        };
        let written = definition::text(&found.connector, "tap");
        let mut problems = Problems::default();
        let read = connector(&Source::new("connectors/tap.toml", written.as_str()), &mut problems);
        if !problems.any_error() {
            let read = read.expect("a file without a mistake is a connector");
            assert_eq!(read.name, found.connector.name);
        }
    }
});
