//! The contract of all targets, run for each of them.

pub mod alerts;
pub mod harness;
mod local;
mod meltano_file;
mod promises;
pub mod registries;
mod runs;
