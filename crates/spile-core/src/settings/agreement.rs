//! Agreements: which secret of the environment may be sent to which host that a file names.

use std::fmt;

use super::host::Host;
use super::variable_name::VariableName;

/// The option of the command line that agrees to a host.
pub const TRUST_OPTION: &str = "--trust-registry";

/// The variable that agrees to hosts.
pub const TRUST_VARIABLE: &str = "SPILE_TRUST_REGISTRY";

/// What a variable holds that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// The key of a registry.
    Key,
    /// The password of a mail server.
    Password,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Password => "password",
        })
    }
}

/// That the secret in a variable may be sent to a host. A branch can change the host in `spile.toml`, so a person agrees
/// to it once on each machine. The value of the variable is not a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agreement {
    /// Where it goes.
    pub host: Host,
    /// The variable that holds it.
    pub variable: VariableName,
    /// What it is.
    pub what: Sent,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} in `{}` to `{}`", self.what, self.variable, self.host)
    }
}

impl Agreement {
    /// Returns the question that a person answers.
    #[must_use]
    pub fn question(&self) -> String {
        format!("`spile.toml` names a host. Send {self}?")
    }

    /// Returns the next step if nobody has agreed.
    #[must_use]
    pub fn help(&self) -> String {
        let host = &self.host;
        format!(
            "check that `{host}` is yours; then run the command in a terminal, which asks once, or use `{TRUST_OPTION} {host}` or `{TRUST_VARIABLE}={host}`. Nothing was sent"
        )
    }
}
