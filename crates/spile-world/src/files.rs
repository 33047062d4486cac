//! Files: the project's, spile's own in `.spile`, and the user's.
//!
//! A project may come from an attacker. So only [`door`] opens its files, and spile trusts what it stores in a project
//! only after [`own_folder`] has checked that it belongs to this user and that git does not track it.

pub mod certificates;
pub mod discoveries;
pub mod door;
pub mod io_error;
pub mod meltano_file;
pub mod output_file;
pub mod own_folder;
pub mod path_walk;
pub mod process_lock;
pub mod project;
pub mod refusal;
pub mod rendered;
pub mod state_folder;
mod trust;
pub mod user_files;
