//! Creates a key for a user who has none.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use age::secrecy::ExposeSecret;
use age::x25519;
use miette::Diagnostic;

use super::Places;
use crate::files::door::make_private;
use crate::files::io_error::io_help;

/// Why a new key cannot be stored.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NoIdentity {
    /// Neither home nor configuration folder is known.
    #[error("there is no home folder to store a key in")]
    #[diagnostic(code(spile::secrets::no_home), help("set `HOME` or `XDG_CONFIG_HOME`"))]
    NoHome,
    /// The file cannot be written.
    #[error("the key cannot be written to `{}`", path.display())]
    #[diagnostic(code(spile::secrets::key_file), help("{}", io_help(source)))]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Creates an X25519 identity and appends it to the file that sops reads by default, which only its owner can read.
/// Returns the file and the public key.
///
/// # Errors
/// When the file cannot be written.
pub fn make_identity(places: &Places) -> Result<(PathBuf, String), NoIdentity> {
    let path = places.default_file().ok_or(NoIdentity::NoHome)?;
    let io = |source| NoIdentity::Io { path: path.clone(), source };
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    if let Some(folder) = path.parent() {
        make_private(folder).map_err(io)?;
    }
    let mut file = File::options().append(true).create(true).mode(0o600).open(&path).map_err(io)?;
    let secret = identity.to_string();
    // The format of age-keygen's files.
    let lines = zeroize::Zeroizing::new(format!("# public key: {public}\n{}\n", secret.expose_secret()));
    file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    Ok((path, public))
}
