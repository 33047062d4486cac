//! YAML with the position of every node, so that a text can be changed without rewriting it.
//!
//! Separate from the reader of rendered files: that one needs values, this one needs to know which bytes a value is.

mod bounds;
mod comments;
mod compose;
mod cursor;
mod document;
pub mod edit;
mod mistake;
mod node;
mod open;
mod parse;
mod scalar;
mod scan;
mod token;
mod value;
pub mod write;

pub use bounds::{is_deep, may_grow};
pub use comments::comments;
pub use document::Document;
pub use edit::Edits;
pub use mistake::YamlMistake;
pub use node::{Content, Node, Pair, Style};
pub use open::opened;
pub use value::{Odd, ValueReader};
