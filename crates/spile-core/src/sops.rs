//! sops documents, natively: the format to the byte, in JSON, YAML and TOML; pure but for randomness.
//!
//! Separate from integrations because it is another project's format: <https://getsops.io>. The nearest crate, `rops`, drops
//! recipients and comments when it rewrites a document, and its documents have no version.

mod cipher;
mod document;
mod enc;
mod metadata;
pub mod node;
mod rewrite;
mod rules;
mod scope;

pub use cipher::DataKey;
pub use document::{Document, Fault, Leaf, NotADocument, SECRETS, bool_of};
pub use enc::{Enc, NotEnc, PREFIX, PlainKind};
pub use metadata::{BadMetadata, ENCRYPTED, Metadata, VERSION, Wrapped};
pub use rewrite::rewrite;
pub use rules::{BadRules, Rule, Rules, Scoped};
pub use scope::{KeyPattern, Scope};
