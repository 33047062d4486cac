//! The caller: a person with a session or a program with a token, and what they may do.

use axum::http::StatusCode;

use super::refusal::Refusal;
use spile_world::processes::git::Author;
use spile_world::stores::invites::Invite;
use spile_world::stores::tokens::KeptToken;

pub use spile_world::stores::tokens::Role;

/// The person or program that makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// A unique identifier. Limits, read marks and stored responses belong to it, even if another caller has the same
    /// name.
    pub subject: String,
    /// The name to show.
    pub name: String,
    /// The caller's role.
    pub role: Role,
    /// The token that a form of this session must send; programs authenticate with a bearer token instead.
    pub csrf: Option<String>,
}

impl Caller {
    /// Makes a caller who did not sign in with a form.
    #[must_use]
    pub fn with(subject: String, name: String, role: Role) -> Self {
        Self { subject, name, role, csrf: None }
    }

    /// Returns the caller who typed the code.
    #[must_use]
    pub fn admin() -> Self {
        Self::with("session".to_owned(), "admin".to_owned(), Role::Admin)
    }

    /// Returns the invited person.
    #[must_use]
    pub fn invited(invite: Invite) -> Self {
        // Somebody with less rights and the same name is somebody else.
        Self::with(format!("invite:{}:{}", invite.role.word(), invite.name), invite.name, invite.role)
    }

    /// Returns the bearer of an API token.
    #[must_use]
    pub fn bearer(token: KeptToken) -> Self {
        Self::with(format!("token:{}", token.name), token.name, token.role)
    }

    /// Refuses callers with a lower role.
    ///
    /// # Errors
    /// If the caller's role is too low.
    pub fn may(&self, role: Role) -> Result<(), Refusal> {
        if self.role >= role {
            return Ok(());
        }
        let detail =
            format!("this needs the role `{}`, but `{}` has the role `{}`", role.word(), self.name, self.role.word());
        Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::role", detail).help("ask someone with that role"))
    }

    /// Returns the caller as the author of a commit.
    #[must_use]
    pub fn author(&self) -> Author {
        let is_address = self.name.contains('@');
        let email = if is_address { self.name.clone() } else { "spile@localhost".to_owned() };
        Author { name: self.name.clone(), email }
    }
}
