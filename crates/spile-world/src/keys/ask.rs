//! Prompts of age and its plugins.

use age::secrecy::SecretString;

use spile_core::secret::Secret;

/// Asks for passphrases and PINs, if there is a user to ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking(pub Option<fn(&str) -> Option<Secret>>);

impl Asking {
    /// Asks for the passphrase of a place.
    pub(super) fn passphrase(self, place: &str) -> Option<SecretString> {
        age::Callbacks::request_passphrase(&self, &format!("passphrase for {place}"))
    }
}

impl age::Callbacks for Asking {
    /// Shows nothing, because only the output door of `cli` may print. The plugin's next question has to do.
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0?(description).map(|answer| answer.expose().to_owned())
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.0?(description).map(|answer| SecretString::from(answer.expose()))
    }
}
