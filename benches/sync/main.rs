//! The time of a sync compared with `meltano run` of the same two plugins, and with other tools that do the same job.
//! `cargo bench --bench sync` measures everything, which takes more than an hour; `cargo bench --bench sync -- pipe jobs`
//! measures these parts. Both sides run in turns, and the fastest runs are compared besides the medians: noise only adds
//! time. Meltano, the plugins and the other tools are installed first, under `target/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench may fail by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]
#![allow(dead_code, unreachable_pub, reason = "the parts are those of the tests, which use more of them")]

mod catalog;
mod due;
mod jobs;
#[path = "../parts/mod.rs"]
mod parts;
mod pipe;
mod plugins;
#[path = "../../tests/it/supabase/postgres.rs"]
mod postgres;
mod rivals;
#[path = "../../tests/it/supabase/server.rs"]
mod server;
mod shared;
mod small;
mod start;
mod tables;
#[path = "../../tests/it/tools.rs"]
mod tools;

/// A part, by its name.
struct Part {
    name: &'static str,
    measure: fn(),
}

const PARTS: [Part; 8] = [
    Part { name: "small", measure: small::measure },
    Part { name: "start", measure: start::measure },
    Part { name: "pipe", measure: pipe::measure },
    Part { name: "plugins", measure: plugins::measure },
    Part { name: "tables", measure: tables::measure },
    Part { name: "jobs", measure: jobs::measure },
    Part { name: "due", measure: due::measure },
    Part { name: "catalog", measure: catalog::measure },
];

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for name in &names {
        assert!(PARTS.iter().any(|part| part.name == name), "there is no part `{name}`");
    }
    println!("{}", parts::machine());
    for part in PARTS {
        if names.is_empty() || names.iter().any(|name| name == part.name) {
            (part.measure)();
        }
    }
}
