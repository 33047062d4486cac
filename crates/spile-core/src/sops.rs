//! sops documents in JSON, YAML and TOML, read and written byte-compatibly without the sops program. Pure except for
//! randomness.
//!
//! Separate from integrations, because the format belongs to another project: <https://getsops.io>. The closest crate,
//! `rops`, drops recipients and comments when it rewrites a document, and its documents have no version.

mod cipher;
mod document;
mod enc;
mod encryption_rule;
mod metadata;
pub mod node;
mod rewrite;
mod rules;

pub use cipher::DataKey;
pub use document::{Document, Fault, Leaf, NotADocument, SECRETS, bool_of};
pub use enc::{Enc, NotEnc, PREFIX, PlainKind};
pub use encryption_rule::{EncryptionRule, KeyPattern, TwoRules};
pub use metadata::{BadMetadata, ENCRYPTED, Metadata, VERSION, Wrapped};
pub use rewrite::rewrite;
pub use rules::{BadRules, Rule, Rules, Scoped};
