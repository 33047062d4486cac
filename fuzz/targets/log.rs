//! Output of Meltano, taps and targets: told apart, counted, and never longer than a line.
#![no_main]

use spile_core::run::log::{LogLine, Tally};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut tally = Tally::default();
    for line in text.lines() {
        tally.add(LogLine::parse(line));
    }
    let _ = (tally.streams(), tally.bookmarks(), tally.cause(), tally.succeeded());
    if let Some(reason) = tally.reason() {
        assert!(!reason.contains('\n'), "a reason is a sentence");
    }
});
