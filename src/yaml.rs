//! YAML with the place of every node, so that a text can be changed without writing it anew.
//!
//! Apart from the reader of rendered files: that one wants values, this one wants to know which bytes a value is.

mod comments;
mod document;
pub mod edit;
mod mistake;
mod node;
mod open;
mod same;
mod scalar;
mod value;
pub mod write;

pub use comments::comments;
pub use document::{Document, is_deep, may_grow};
pub use edit::Edits;
pub use mistake::Mistake;
pub use node::{Content, Node, Pair, Style};
pub use open::opened;
pub use same::says_the_same;
pub use value::{Odd, Values};
