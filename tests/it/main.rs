//! Tests of the whole program from outside: through the library, and through the built binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stderr, reason = "what is skipped is said loudly")]
#![allow(clippy::disallowed_methods, reason = "tests write files, read the environment and start the program")]

mod author;
mod canary;
mod cases;
mod ci;
mod circles;
mod cli;
mod codes;
mod connectors;
mod contract;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod crash;
mod distribution;
mod docs;
mod editors;
mod examples;
mod executable;
mod floors;
mod folder;
mod hostile;
mod http;
mod image;
mod import;
mod installs;
mod instructions;
mod killed;
mod meaning;
mod notify;
mod outputs;
mod own;
mod prepared;
mod project;
mod properties;
mod real;
mod record_way;
mod salesforce;
mod schema;
mod secrets;
mod sops;
mod sops_program;
mod sources;
mod supabase;
mod terminal;
mod tools;
mod untrusted;
mod words;
mod yaml;
