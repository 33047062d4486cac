//! What an editor offers at a place of an integration's file: what may stand there, and what it means; pure.

mod complete;
mod cursor;
mod hover;
mod position;

pub use complete::{CompletionContext, Offer, offers};
pub use cursor::{Cursor, Spot};
pub use hover::hover;
pub use position::{Encoding, offset, position};

/// Tells whether a table says what a run does about changes in its source: `[schema]`, or that of a stream.
fn is_of_schema(table: &str) -> bool {
    table == "schema" || table.starts_with("schema.streams.")
}
