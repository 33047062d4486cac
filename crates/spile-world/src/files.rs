//! Files: the project's, spile's own in `.spile`, and the user's.
//!
//! A project may be an attacker's, so only [`door`] opens its files, and spile trusts what it keeps in a project only
//! where [`own`] finds that this program made it.

pub mod discoveries;
pub mod door;
pub mod meltano_file;
pub mod output_file;
pub mod own_folder;
pub mod path_walk;
pub mod project;
pub mod refusal;
pub mod rendered;
pub mod run_lock;
pub mod user_files;
