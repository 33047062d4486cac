//! The caller: a person with a session or a program with a token, and what they may do.

use axum::http::StatusCode;

use super::refusal::Refusal;
use spile_world::processes::git::Author;

pub use spile_world::stores::tokens::Role;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who they are: what is counted, remembered and answered for them is for nobody else, whatever else is called the same.
    pub subject: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What a form of theirs has to bring; programs with a token bring that instead.
    pub csrf: Option<String>,
}

impl Caller {
    /// Names somebody who came in without a form.
    #[must_use]
    pub fn with(subject: String, name: String, role: Role) -> Self {
        Self { subject, name, role, csrf: None }
    }

    /// Returns who has typed the code.
    #[must_use]
    pub fn admin() -> Self {
        Self::with("session".to_owned(), "admin".to_owned(), Role::Admin)
    }

    /// Refuses who may not.
    ///
    /// # Errors
    /// When the role is too low.
    pub fn may(&self, role: Role) -> Result<(), Refusal> {
        if self.role >= role {
            return Ok(());
        }
        let detail =
            format!("this needs the role `{}`, but `{}` has the role `{}`", role.word(), self.name, self.role.word());
        Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::role", detail).help("ask someone with that role"))
    }

    /// Returns them as who makes a commit.
    #[must_use]
    pub fn author(&self) -> Author {
        let is_address = self.name.contains('@');
        let email = if is_address { self.name.clone() } else { "spile@localhost".to_owned() };
        Author { name: self.name.clone(), email }
    }
}
