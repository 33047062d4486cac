//! Secrets: values that cannot be shown by mistake.

use std::fmt;

use zeroize::Zeroizing;

/// A value that must not be shown. It implements neither `Display` nor `Serialize`, and is overwritten in memory when
/// it is dropped. So the compiler, rather than care, keeps secrets from being shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text, for passing it on: to a cipher, a child process or an editor.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_secret_shows_only_a_placeholder() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(Secret)");
    }
}
