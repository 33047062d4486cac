//! Whether a project's folder is trusted, as the user says on the command line.

/// Whose a project's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// The user's own: what spile keeps in its folder may be believed.
    #[default]
    Own,
    /// A stranger's: its files are read, and nothing else is.
    Untrusted,
}
