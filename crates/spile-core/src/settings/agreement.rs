//! Agreements: which secret environment variables may be sent to which hosts that a file names.

use std::fmt;

use super::host::Host;
use super::variable_name::VariableName;

/// The command line option that agrees to a host.
pub const TRUST_OPTION: &str = "--trust-registry";

/// The environment variable that agrees to hosts.
pub const TRUST_VARIABLE: &str = "SPILE_TRUST_REGISTRY";

/// The kind of secret in a variable that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// The key of a registry.
    Key,
    /// The password of a mail server.
    Password,
    /// The client's secret and the code of a person who signs in to a source.
    Client,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Password => "password",
            Self::Client => "sign-in",
        })
    }
}

/// The permission to send the secret in a variable to a host. A branch can change the host in `spile.toml` or in the
/// definition of a connector, so a person agrees once on each machine. The variable's value is not part of the agreement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agreement {
    /// The host that it is sent to.
    pub host: Host,
    /// The variable that contains it; for a sign-in, the connector.
    pub variable: VariableName,
    /// The kind of secret.
    pub what: Sent,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Sent::Key | Sent::Password => write!(f, "the {} in `{}` to `{}`", self.what, self.variable, self.host),
            Sent::Client => {
                write!(f, "the secret and the code of the sign-in to `{}` to `{}`", self.variable, self.host)
            }
        }
    }
}

impl Agreement {
    /// Returns the question for the user.
    #[must_use]
    pub fn question(&self) -> String {
        let file = match self.what {
            Sent::Key | Sent::Password => "`spile.toml`",
            Sent::Client => "The connector or the integration",
        };
        format!("{file} names a host. Send {self}?")
    }

    /// Returns the next step if nobody has agreed yet.
    #[must_use]
    pub fn help(&self) -> String {
        let host = &self.host;
        format!(
            "check that `{host}` is yours; then run the command in a terminal, which asks once, or use `{TRUST_OPTION} {host}` or `{TRUST_VARIABLE}={host}`. Nothing was sent"
        )
    }
}
