//! `connectors`: lists and finds connectors, and imports definitions.

mod about;
mod built_in;
mod error;
mod hub;
mod import;
mod newer;
mod shelf;
mod update;
mod upgrade;

pub use about::about;
pub use built_in::{BUILT_IN, built_in};
pub use error::Error as ConnectorsError;
pub use hub::{download, hub};
pub use import::{Imported, Overwriting, PreparedImport, import, prepare_import, read};
pub use shelf::{Origin, Shelf, ShelfEntry, ShownConnector};
pub use update::{Updated, update};
pub use upgrade::{Prepared, own, prepare, source_of, write};
