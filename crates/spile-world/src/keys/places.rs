//! The places to search for age identities.

use std::ffi::OsString;
use std::path::PathBuf;

use spile_core::secret::Secret;

/// The places to search for age identities, as set in the environment. Only `cli` creates this.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<PathBuf>,
    /// `SOPS_AGE_KEY`: the identities themselves.
    pub age_key: Option<Secret>,
    /// `SOPS_AGE_KEY_FILE`.
    pub age_key_file: Option<PathBuf>,
    /// `SOPS_AGE_KEY_CMD`: a command that prints identities.
    pub age_key_cmd: Option<String>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_FILE`.
    pub ssh_private_key_file: Option<PathBuf>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_CMD`: a command that prints an SSH key.
    pub ssh_private_key_cmd: Option<String>,
    /// `PATH`, for child processes.
    pub path: OsString,
    /// Asks for a passphrase; `None` if there is no terminal.
    pub ask: Option<fn(&str) -> Option<Secret>>,
}

impl Places {
    /// Reads the environment. Except for `PATH`, an empty variable counts as not set.
    pub fn from_environment(read: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| read(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        // Text that is not UTF-8 is neither an identity nor a command. Reading it later reports that.
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            home: path("HOME"),
            xdg_config_home: path("XDG_CONFIG_HOME"),
            age_key: text("SOPS_AGE_KEY").map(Secret::new),
            age_key_file: path("SOPS_AGE_KEY_FILE"),
            age_key_cmd: text("SOPS_AGE_KEY_CMD"),
            ssh_private_key_file: path("SOPS_AGE_SSH_PRIVATE_KEY_FILE"),
            ssh_private_key_cmd: text("SOPS_AGE_SSH_PRIVATE_KEY_CMD"),
            path: read("PATH").unwrap_or_default(),
            ask: None,
        }
    }

    /// Returns the file that sops reads if no variable names another.
    #[must_use]
    pub fn default_file(&self) -> Option<PathBuf> {
        let system = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let config = self.xdg_config_home.clone().or_else(|| Some(self.home.as_ref()?.join(system)));
        Some(config?.join("sops/age/keys.txt"))
    }
}
