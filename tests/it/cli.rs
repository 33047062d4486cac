//! The built program: exit codes, output streams, and files.

mod ci_formats;
mod disks;
mod drift;
mod exits;
mod few_files;
mod fmt;
mod formats;
mod lint;
mod lsp;
mod migrate;
mod new;
pub mod program;
mod projects;
mod quoted;
mod saved_plans;
pub mod schemas;
mod scopes;
mod steering;
mod switches;
mod trust;
