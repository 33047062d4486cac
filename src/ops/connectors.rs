//! `connectors`: what there is, finding it, and taking over definitions that others wrote.

mod about;
mod error;
mod import;
mod shelf;

pub use about::about;
pub use error::Error as ConnectorsError;
pub use import::{Imported, Overwriting, import, read};
pub use shelf::{Origin, Shelf, Shown, Standing};
