//! Child processes: Meltano, `sops`, git, editors and the user's own commands.
//!
//! [`child_environment`] starts every child process, with only the environment that its caller allows.

pub mod browser;
pub mod bundled;
pub mod child_environment;
pub mod command;
pub mod editor;
pub mod git;
pub mod meltano;
pub mod relay;
pub mod sops_program;
