//! What an editor offers at a position in an integration file: completions and explanations. Pure.

mod complete;
mod cursor;
mod hover;
mod position;

pub use complete::{CompletionContext, Offer, offers};
pub use cursor::{Cursor, Spot};
pub use hover::hover;
pub use position::{Encoding, offset, position};

/// Tells whether a table configures how a run reacts to changes in its source: `[schema]`, or that of a stream.
fn is_of_schema(table: &str) -> bool {
    table == "schema" || table.starts_with("schema.streams.")
}
