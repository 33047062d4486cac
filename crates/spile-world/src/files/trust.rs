//! Whether a project's folder is trusted, as set on the command line.

/// Whether a project's folder is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// The user's own: what spile stores in its folder is trusted.
    #[default]
    Own,
    /// Possibly an attacker's: the project's files are read, but nothing that spile stores there.
    Untrusted,
}
