//! What every target promises, run over each of them.

mod harness;
mod local;
mod meltano_file;
mod promises;
