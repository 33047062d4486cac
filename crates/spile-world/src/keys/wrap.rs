//! Wraps a data key for a recipient.

use std::io::Write;

use age::armor::{ArmoredWriter, Format};
use miette::Diagnostic;

use super::ask::Asking;
use spile_core::sops::{DataKey, Wrapped};

/// Why a data key cannot be wrapped for a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("cannot encrypt for the recipient `{recipient}`: {reason}")]
#[diagnostic(code(spile::secrets::recipient), help("{}", reason.help()))]
pub struct BadRecipient {
    /// The recipient, as written.
    pub recipient: String,
    /// The reason.
    pub reason: Reason,
}

/// What is wrong with a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It has none of the supported forms.
    #[error("it is not an age recipient")]
    Unknown,
    /// It is a private key.
    #[error("it is a private key")]
    Private,
    /// It looks like an SSH key but is not valid, or has a type that age does not support.
    #[error("it is not a valid `ssh-ed25519` or `ssh-rsa` key, or it is a weak one")]
    Ssh,
    /// Only the official program supports it.
    #[error("it is a post-quantum recipient, which only the official `sops` supports")]
    PostQuantum,
    /// The plugin is missing.
    #[error("the program `age-plugin-{0}` is not on the PATH")]
    NoPlugin(String),
    /// The plugin or the system refused.
    #[error("its plugin failed")]
    Failed,
}

impl Reason {
    fn help(&self) -> String {
        match self {
            Self::Unknown | Self::Ssh => {
                "use `age1...`, `ssh-ed25519 ...` or `ssh-rsa ...` in `.sops.yaml`; `age-keygen -y` prints your own"
                    .into()
            }
            Self::Private => "remove it from `.sops.yaml`, create a new key, and add its public key: `age1...`".into(),
            Self::PostQuantum => "install the official `sops` 3.12 or newer: https://getsops.io".into(),
            Self::NoPlugin(name) => {
                format!("install `age-plugin-{name}`, and check with `age-plugin-{name} --version`")
            }
            Self::Failed => "check that the plugin works with `age -r`".into(),
        }
    }
}

/// Wraps a data key for one age recipient: X25519 (`age1...`), SSH (`ssh-ed25519 ...`, `ssh-rsa ...`), or a plugin's
/// (`age1<plugin>1...`), whose program must be on the path.
///
/// # Errors
/// When the recipient is not valid, or its plugin is missing or fails.
pub fn wrap(key: &DataKey, recipient: &str) -> Result<Wrapped, BadRecipient> {
    let recipient = recipient.trim();
    let bad = |reason| {
        let shown = if reason == Reason::Private { "AGE-..." } else { recipient };
        BadRecipient { recipient: shown.to_owned(), reason }
    };
    let parsed = parse(recipient).map_err(bad)?;
    let enc = armored(&*parsed, key).map_err(|_| bad(Reason::Failed))?;
    Ok(Wrapped { recipient: recipient.to_owned(), enc })
}

fn parse(text: &str) -> Result<Box<dyn age::Recipient>, Reason> {
    let upper = text.to_ascii_uppercase();
    if ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN"].iter().any(|start| upper.starts_with(start)) {
        return Err(Reason::Private);
    }
    if text.starts_with("ssh-") {
        return Ok(Box::new(text.parse::<age::ssh::Recipient>().map_err(|_| Reason::Ssh)?));
    }
    if text.starts_with("age1pq1") {
        return Err(Reason::PostQuantum);
    }
    if let Ok(recipient) = text.parse::<age::x25519::Recipient>() {
        return Ok(Box::new(recipient));
    }
    let recipient: age::plugin::Recipient = text.parse().map_err(|_| Reason::Unknown)?;
    let name = recipient.plugin().to_owned();
    let plugin = age::plugin::RecipientPluginV1::new(&name, &[recipient], &[], Asking(None));
    Ok(Box::new(plugin.map_err(|_| Reason::NoPlugin(name))?))
}

/// Returns an armored age file with the key, formatted as sops does: 64 columns, with a newline at the end.
fn armored(recipient: &dyn age::Recipient, key: &DataKey) -> Result<String, age::EncryptError> {
    let mut armored = Vec::new();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient))?;
    let armor = ArmoredWriter::wrap_output(&mut armored, Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armor)?;
    writer.write_all(key.expose())?;
    writer.finish()?.finish()?;
    let mut text = String::from_utf8_lossy(&armored).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Returns a recipient in a form that can be compared: without the comment of an SSH key.
pub(super) fn normal(recipient: &str) -> String {
    let recipient = recipient.trim();
    match recipient.parse::<age::ssh::Recipient>() {
        Ok(ssh) if recipient.starts_with("ssh-") => ssh.to_string(),
        _ => recipient.to_owned(),
    }
}
