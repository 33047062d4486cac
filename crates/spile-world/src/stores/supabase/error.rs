//! Errors of a hosted registry, each with the next step for the user.

use miette::Diagnostic;
use serde::Deserialize;

use crate::TargetError;
use crate::net::authorities::NoClient;
use spile_core::plan::{Action, Change, Step};
use spile_core::record::{Record, Row};

/// Why a hosted registry could not be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SupabaseError {
    /// The server did not respond.
    #[error("the registry cannot be reached: {what}")]
    #[diagnostic(
        code(spile::supabase::unreached),
        help(
            "check the address in `spile.toml` and the network; a free project pauses after a week without use: restore it in the dashboard. No change is half-applied: run `spile plan` to check"
        )
    )]
    Unreached {
        /// What happened, without the address or its query.
        what: &'static str,
        /// The cause.
        source: reqwest::Error,
    },
    /// The Supabase project is paused.
    #[error("the registry's Supabase project is paused")]
    #[diagnostic(
        code(spile::supabase::paused),
        help(
            "restore it in the dashboard, wait until it is up, and try again: a free project pauses after a week without use"
        )
    )]
    Paused,
    /// A gateway has no server behind it, or a server has no database.
    #[error("the registry is not available: {why}")]
    #[diagnostic(
        code(spile::supabase::unavailable),
        help(
            "check the project in the dashboard and https://status.supabase.com, and try again. No change is half-applied: run `spile plan` to check"
        )
    )]
    Unavailable {
        /// The server's message, or the status.
        why: String,
    },
    /// The HTTP client cannot be created.
    #[error("cannot make secure connections")]
    #[diagnostic(code(spile::supabase::client), help("install the system's CA certificates"))]
    Client {
        /// The cause.
        source: NoClient,
    },
    /// The key or schema has characters that a header cannot contain.
    #[error("the registry's key or schema has characters that an HTTP header cannot contain")]
    #[diagnostic(code(spile::supabase::key_form), help("copy it again, without line breaks and quotes"))]
    KeyForm,
    /// The server rejects the key.
    #[error("the registry rejects the key{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    #[diagnostic(
        code(spile::supabase::key),
        help(
            "copy a secret key (`sb_secret_...`) from the project's API settings; a legacy key works only in its own project and until it expires"
        )
    )]
    Key {
        /// The server's message.
        why: Option<String>,
    },
    /// The key is valid but lacks the permission.
    #[error("the key does not have permission for this in the registry: {why}")]
    #[diagnostic(
        code(spile::supabase::forbidden),
        help(
            "apply needs a secret or service_role key; if you use one, run the migration again to grant what is missing: `spile migrate` prints it"
        )
    )]
    Forbidden {
        /// The server's message.
        why: String,
    },
    /// The key is a planner's key for another project.
    #[error("the key has no access to this project in the registry: {why}")]
    #[diagnostic(
        code(spile::supabase::planner),
        help("sign a key with the claim `spile_project` set to the name in `spile.toml`: see `docs/supabase.md`")
    )]
    Planner {
        /// The database's message.
        why: String,
    },
    /// The tables or functions do not exist.
    #[error("the registry is not set up: {why}")]
    #[diagnostic(
        code(spile::supabase::not_migrated),
        help(
            "run the migration: `spile migrate --supabase-dir supabase`, then `supabase db push`; or `spile migrate` and paste it into the SQL editor"
        )
    )]
    NotMigrated {
        /// The server's message.
        why: String,
    },
    /// The database has an older migration.
    #[error("the registry has version {found}, but this program needs {wanted}")]
    #[diagnostic(code(spile::supabase::old), help("run the migration of this program: `spile migrate` prints it"))]
    Old {
        /// The database's version.
        found: i64,
        /// The version that this program needs.
        wanted: i64,
    },
    /// The database has a newer migration.
    #[error("the registry has version {found}, but this program supports only {known}")]
    #[diagnostic(code(spile::supabase::new), help("use a newer version of spile"))]
    New {
        /// The database's version.
        found: i64,
        /// The newest version that this program supports.
        known: i64,
    },
    /// Another apply is running.
    #[error("another apply is running in the registry")]
    #[diagnostic(code(spile::supabase::locked), help("wait until it ends, then run `spile plan` again"))]
    Locked,
    /// Rows differ from those in the plan.
    #[error("the registry has changed since the plan was made")]
    #[diagnostic(code(spile::supabase::not_as_planned), help("run `spile plan` again"))]
    NotAsPlanned {
        /// The rows that differ.
        conflicts: Vec<Conflict>,
    },
    /// A constraint of the user's own database rejects a row.
    #[error("a database constraint rejects a row: {rule}")]
    #[diagnostic(
        code(spile::supabase::constraint),
        help(
            "change the file that violates the constraint, or the constraint; nothing was applied. The row is not shown, because it may contain secrets"
        )
    )]
    Constraint {
        /// The constraint or column, in the server's words.
        rule: String,
    },
    /// The change-set is too large.
    #[error("the changes are {:.1} MB, but only {:.0} MB fit into one transaction", megabytes(*bytes), megabytes(*most))]
    #[diagnostic(
        code(spile::supabase::too_large),
        help("nothing was sent; apply in parts with `spile apply --only SLUG...`")
    )]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The largest size in bytes.
        most: usize,
    },
    /// The statement timeout expired.
    #[error("the changes took longer than the database's statement timeout")]
    #[diagnostic(
        code(spile::supabase::timeout),
        help("nothing was applied; apply in parts with `spile apply --only SLUG...`")
    )]
    Timeout,
    /// The response is not one that PostgREST sends.
    #[error("the registry's response is not valid: {what}")]
    #[diagnostic(
        code(spile::supabase::answer),
        help("check the address and `rest_path` in `spile.toml`; a proxy in between may be responding instead")
    )]
    Answer {
        /// What is wrong with the response; never the response itself.
        what: String,
    },
    /// Any other error that the server returned.
    #[error("the registry rejects the request ({status}{}): {message}", code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
    #[diagnostic(
        code(spile::supabase::refused),
        help("look up the code at https://docs.postgrest.org/en/stable/references/errors.html")
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error code from PostgREST or Postgres.
        code: Option<String>,
        /// The server's message.
        message: String,
    },
}

#[expect(clippy::cast_precision_loss, reason = "a size for people, in megabytes")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// A row that differs from the plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Conflict {
    /// Its id.
    pub id: String,
    /// How it differs.
    pub why: String,
}

impl SupabaseError {
    /// Tells whether the error is temporary, that is, unrelated to the key, the database or the request.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Unreached { .. } | Self::Paused | Self::Unavailable { .. } | Self::Answer { .. } | Self::Locked => {
                true
            }
            Self::Client { .. }
            | Self::KeyForm
            | Self::Key { .. }
            | Self::Forbidden { .. }
            | Self::Planner { .. }
            | Self::NotMigrated { .. }
            | Self::Old { .. }
            | Self::New { .. }
            | Self::NotAsPlanned { .. }
            | Self::Constraint { .. }
            | Self::TooLarge { .. }
            | Self::Timeout
            | Self::Refused { .. } => false,
        }
    }

    pub(super) fn answer(what: &str) -> Self {
        Self::Answer { what: what.to_owned() }
    }

    /// Describes a connection error. The address and its query are removed from the error.
    pub(super) fn unreached(source: reqwest::Error) -> Self {
        let source = source.without_url();
        let what = if source.is_timeout() {
            "the request timed out"
        } else if source.is_connect() {
            "no connection could be made"
        } else {
            "the connection was lost"
        };
        Self::Unreached { what, source }
    }
}

/// Distinguishes a row that belongs to someone else from one that has only changed.
pub(super) fn conflict(conflicts: &[Conflict], step: &Step<Row>) -> TargetError {
    for (id, change) in &step.changes {
        let Change::Create { after } = change else { continue };
        let found = conflicts.iter().find(|conflict| conflict.id == id.to_string());
        let owner = found.and_then(|conflict| match conflict.why.strip_prefix("owned by ") {
            Some(owner) => Some(format!("the project `{owner}`")),
            None => (conflict.why == "not managed").then(|| "an unmanaged row".to_owned()),
        });
        if let Some(owner) = owner.filter(|_| change.action() == Action::Create) {
            return TargetError::Owned { slug: after.slug.clone(), id: *id, owner };
        }
    }
    TargetError::Stale { target: Row::TARGET }
}
