//! Identities that unwrap data keys, read from lines of text and from SSH keys.

use std::io::Read;
use std::sync::OnceLock;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{ssh, x25519};
use zeroize::Zeroizing;

use super::ask::Asking;
use spile_core::secret::Secret;
use spile_core::sops::DataKey;

/// The most bytes of an identity file, the same limit as rage's.
pub(super) const LONGEST: u64 = 1 << 24;

/// The highest work factor of a passphrase, the same limit as age's.
const MAX_WORK_FACTOR: u8 = 22;

/// How passphrase-protected identity files begin.
const LOCKED: [&[u8]; 2] = [b"age-encryption", b"-----BEGIN AGE"];

/// Something that may unwrap a data key.
pub(super) enum Identity {
    /// `AGE-SECRET-KEY-1...`.
    X25519 { public: String, key: x25519::Identity },
    /// An SSH key, which may be passphrase-protected.
    Ssh { public: String, key: SshKey },
    /// `AGE-PLUGIN-...`.
    Plugin(age::plugin::Identity),
    /// `AGE-SECRET-KEY-PQ-1...`, which only the official program supports.
    PostQuantum,
    /// A passphrase-protected file of identities.
    Locked(Locked),
}

/// A private SSH key.
pub(super) enum SshKey {
    /// A key without a passphrase.
    Open(Box<ssh::Identity>),
    /// A key with a passphrase, which is asked for once.
    Locked { place: String, key: Box<ssh::EncryptedKey>, opened: OnceLock<Result<Box<ssh::Identity>, Unread>> },
}

/// A passphrase-protected file of identities. The passphrase is asked for once.
pub(super) struct Locked {
    place: String,
    bytes: Zeroizing<Vec<u8>>,
    opened: OnceLock<Result<Vec<Identity>, Unread>>,
}

/// Why identities could not be read. Never contains what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The system refused.
    #[error("cannot be read: {0}")]
    Io(String),
    /// The content is not text.
    #[error("is not UTF-8")]
    NotText,
    /// This line is not an identity.
    #[error("line {0} is not an age identity, so nothing in it is used")]
    Line(usize),
    /// An SSH key of a type or format that age does not support.
    #[error("is not an SSH key that age can use: ed25519 or rsa, in OpenSSH format")]
    NotSsh,
    /// A command returned a passphrase-protected key, which is not supported.
    #[error("is a passphrase-protected SSH key, which a command cannot provide")]
    LockedOfCommand,
    /// A passphrase is needed, but there is no terminal.
    #[error("needs a passphrase, and there is no terminal to prompt on")]
    NobodyToAsk,
    /// The passphrase is wrong, or the file is damaged.
    #[error("cannot be opened with that passphrase")]
    Passphrase,
    /// The command cannot be split into words.
    #[error("is not a valid command: it is empty, or a quote is not closed")]
    NoCommand,
    /// The command cannot be started.
    #[error("its command cannot be started: {0}")]
    NotStarted(String),
    /// The command failed.
    #[error("its command ended with {0}")]
    Failed(String),
    /// The command took too long.
    #[error("its command took longer than {0} seconds and was stopped")]
    TimedOut(u64),
}

impl Identity {
    /// Returns the public key if it is known without asking the user.
    pub(super) fn public(&self) -> Option<&str> {
        match self {
            Self::X25519 { public, .. } | Self::Ssh { public, .. } => Some(public),
            Self::Plugin(_) | Self::PostQuantum | Self::Locked(_) => None,
        }
    }

    /// Describes the identity for people.
    pub(super) fn describe(&self) -> Vec<String> {
        match self {
            Self::X25519 { public, .. } | Self::Ssh { public, key: SshKey::Open(_) } => vec![public.clone()],
            Self::Ssh { public, key: SshKey::Locked { opened, .. } } => match opened.get() {
                Some(Err(unread)) => vec![format!("{public} ({unread})")],
                Some(Ok(_)) => vec![public.clone()],
                None => vec![format!("{public} (passphrase-protected)")],
            },
            Self::Plugin(plugin) => vec![format!("an identity for the program `age-plugin-{}`", plugin.plugin())],
            Self::PostQuantum => vec!["a post-quantum identity, which only the official `sops` supports".to_owned()],
            Self::Locked(locked) => match locked.opened.get() {
                Some(Ok(identities)) => identities.iter().flat_map(Self::describe).collect(),
                Some(Err(unread)) => vec![format!("a passphrase-protected file, which {unread}")],
                None => vec!["a passphrase-protected file, which was not opened".to_owned()],
            },
        }
    }

    /// Tries to unwrap a data key. If a passphrase is needed, asks for it once and remembers it.
    pub(super) fn unwrap(&self, enc: &str, asking: Asking) -> Option<DataKey> {
        match self {
            Self::X25519 { key, .. } => unwrap(enc, key),
            Self::Ssh { key, .. } => unwrap(enc, key.open(asking)?),
            Self::Plugin(plugin) => {
                let own = std::slice::from_ref(plugin);
                let plugin = age::plugin::IdentityPluginV1::new(plugin.plugin(), own, asking).ok()?;
                unwrap(enc, &plugin)
            }
            Self::PostQuantum => None,
            Self::Locked(locked) => locked.open(asking)?.iter().find_map(|identity| identity.unwrap(enc, asking)),
        }
    }

    /// Tells whether the identity can be tried on any data key. A locked SSH key cannot: its public key is known, and
    /// it makes no sense to ask for its passphrase if it is not a recipient.
    pub(super) fn may_be_tried(&self) -> bool {
        !matches!(self, Self::PostQuantum | Self::Ssh { key: SshKey::Locked { .. }, .. })
    }
}

impl SshKey {
    fn open(&self, asking: Asking) -> Option<&ssh::Identity> {
        match self {
            Self::Open(key) => Some(key),
            Self::Locked { place, key, opened } => {
                let open = || {
                    let passphrase = asking.passphrase(place).ok_or(Unread::NobodyToAsk)?;
                    key.decrypt(passphrase).map(|key| Box::new(key.into())).map_err(|_| Unread::Passphrase)
                };
                opened.get_or_init(open).as_deref().ok()
            }
        }
    }
}

impl Locked {
    fn open(&self, asking: Asking) -> Option<&[Identity]> {
        let open = || {
            let passphrase = asking.passphrase(&self.place).ok_or(Unread::NobodyToAsk)?;
            let plain = unlock(&self.bytes, passphrase).ok_or(Unread::Passphrase)?;
            lines(&plain, IdentityCount::OneInALine)
        };
        self.opened.get_or_init(open).as_deref().ok()
    }
}

/// Decrypts a passphrase-protected file.
fn unlock(bytes: &[u8], passphrase: SecretString) -> Option<Zeroizing<String>> {
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let file = age::Decryptor::new_buffered(ArmoredReader::new(bytes)).ok()?;
    let mut plain = Zeroizing::new(String::new());
    let reader = file.decrypt(std::iter::once(&identity as &dyn age::Identity)).ok()?;
    reader.take(LONGEST).read_to_string(&mut plain).ok()?;
    Some(plain)
}

/// Unwraps a data key with one identity.
fn unwrap(enc: &str, identity: &dyn age::Identity) -> Option<DataKey> {
    let file = age::Decryptor::new_buffered(ArmoredReader::new(enc.trim().as_bytes())).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    file.decrypt(std::iter::once(identity)).ok()?.take(64).read_to_end(&mut bytes).ok()?;
    DataKey::from_bytes(&bytes)
}

/// How many identities a line may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityCount {
    /// One, as in files and in the output of commands.
    OneInALine,
    /// Several, separated by spaces, as in `SOPS_AGE_KEY`.
    Several,
}

/// Reads the content of a place: identities, or a passphrase-protected armored file of identities.
pub(super) fn read(bytes: Zeroizing<Vec<u8>>, place: &str, words: IdentityCount) -> Result<Vec<Identity>, Unread> {
    if LOCKED.iter().any(|start| bytes.starts_with(start)) {
        let place = place.to_owned();
        return Ok(vec![Identity::Locked(Locked { place, bytes, opened: OnceLock::new() })]);
    }
    lines(std::str::from_utf8(&bytes).map_err(|_| Unread::NotText)?, words)
}

fn lines(text: &str, words: IdentityCount) -> Result<Vec<Identity>, Unread> {
    let mut identities = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let bad = || Unread::Line(index + 1);
        match words {
            IdentityCount::OneInALine => identities.push(identity(line).ok_or_else(bad)?),
            IdentityCount::Several => {
                for word in line.split_whitespace() {
                    identities.push(identity(word).ok_or_else(bad)?);
                }
            }
        }
    }
    Ok(identities)
}

fn identity(text: &str) -> Option<Identity> {
    if text.starts_with("AGE-SECRET-KEY-PQ-1") {
        return Some(Identity::PostQuantum);
    }
    if text.starts_with("AGE-PLUGIN-") {
        return text.parse().ok().map(Identity::Plugin);
    }
    let key: x25519::Identity = text.parse().ok()?;
    Some(Identity::X25519 { public: key.to_public().to_string(), key })
}

/// Where an SSH key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    File,
    Command,
}

/// Reads an SSH key.
pub(super) fn read_ssh(bytes: &[u8], place: &str, from: From) -> Result<Identity, Unread> {
    let identity = ssh::Identity::from_buffer(bytes, None).map_err(|_| Unread::NotSsh)?;
    let public = ssh::Recipient::try_from(identity.clone()).map_err(|_| Unread::NotSsh)?.to_string();
    let key = match identity {
        ssh::Identity::Unencrypted(_) => SshKey::Open(Box::new(identity)),
        ssh::Identity::Encrypted(_) if from == From::Command => return Err(Unread::LockedOfCommand),
        ssh::Identity::Encrypted(key) => {
            SshKey::Locked { place: place.to_owned(), key: Box::new(key), opened: OnceLock::new() }
        }
        ssh::Identity::Unsupported(_) => return Err(Unread::NotSsh),
    };
    Ok(Identity::Ssh { public, key })
}

/// Reads identities from a secret.
pub(super) fn read_secret(secret: &Secret, place: &str) -> Result<Vec<Identity>, Unread> {
    read(Zeroizing::new(secret.expose().as_bytes().to_vec()), place, IdentityCount::Several)
}
