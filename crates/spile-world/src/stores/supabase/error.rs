//! What a hosted registry answers when it does not do what it is asked, in words and with the next step.

use miette::Diagnostic;
use serde::Deserialize;

use crate::TargetError;
use crate::net::authorities::NoClient;
use spile_core::plan::{Action, Change, Step};
use spile_core::record::Row;

/// Why a hosted registry could not be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SupabaseError {
    /// Nobody answers.
    #[error("the registry cannot be reached: {what}")]
    #[diagnostic(
        code(spile::supabase::unreached),
        help(
            "check the address in `spile.toml` and the network; a free project that was not used for a week sleeps: wake it in the dashboard. Nothing is half-applied: run `spile plan` to see"
        )
    )]
    Unreached {
        /// What happened, without the address's query.
        what: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// The project sleeps.
    #[error("the project of the registry is paused")]
    #[diagnostic(
        code(spile::supabase::paused),
        help(
            "wake it in the dashboard, wait until it is up, and try again: a free project that was not used for a week is paused"
        )
    )]
    Paused,
    /// A gateway without a server behind it, or a server without its database.
    #[error("the registry cannot answer now: {why}")]
    #[diagnostic(
        code(spile::supabase::unavailable),
        help(
            "look at the project in the dashboard and at https://status.supabase.com, and try again. Nothing is half-applied: run `spile plan` to see"
        )
    )]
    Unavailable {
        /// The server's own words, or the status.
        why: String,
    },
    /// The client cannot be made.
    #[error("there is no way to make secure connections")]
    #[diagnostic(code(spile::supabase::client), help("install the system's CA certificates"))]
    Client {
        /// Why.
        source: NoClient,
    },
    /// A key that cannot stand in a header.
    #[error("the key of the registry, or its schema, holds what no header may hold")]
    #[diagnostic(code(spile::supabase::key_form), help("copy it again, without line ends and quotes"))]
    KeyForm,
    /// The key is not taken.
    #[error("the registry does not take the key{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    #[diagnostic(
        code(spile::supabase::key),
        help(
            "copy a secret key (`sb_secret_...`) from the project's API settings; a legacy key ends with its project and its date"
        )
    )]
    Key {
        /// The server's own words.
        why: Option<String>,
    },
    /// The key is taken, and may not do that.
    #[error("the key may not do that in the registry: {why}")]
    #[diagnostic(
        code(spile::supabase::forbidden),
        help(
            "apply needs a secret or service_role key; if it is one, run the migration again: `spile migrate` prints it, and it grants what is needed"
        )
    )]
    Forbidden {
        /// The server's own words.
        why: String,
    },
    /// A planner's key of another project.
    #[error("the registry shows this key nothing of the project: {why}")]
    #[diagnostic(
        code(spile::supabase::planner),
        help("sign a key with the claim `spile_project`, the name in `spile.toml`: `docs/supabase.md` says how")
    )]
    Planner {
        /// The database's own words.
        why: String,
    },
    /// The tables or functions are not there.
    #[error("the registry is not set up: {why}")]
    #[diagnostic(
        code(spile::supabase::not_migrated),
        help(
            "run the migration: `spile migrate --supabase-dir supabase`, then `supabase db push`; or `spile migrate` and paste it into the SQL editor"
        )
    )]
    NotMigrated {
        /// The server's own words.
        why: String,
    },
    /// An older migration.
    #[error("the registry is of version {found}, this program needs {wanted}")]
    #[diagnostic(code(spile::supabase::old), help("run the migration of this program: `spile migrate` prints it"))]
    Old {
        /// The database's version.
        found: i64,
        /// The program's.
        wanted: i64,
    },
    /// A newer migration.
    #[error("the registry is of version {found}, this program knows {known}")]
    #[diagnostic(code(spile::supabase::new), help("use a newer spile"))]
    New {
        /// The database's version.
        found: i64,
        /// The program's.
        known: i64,
    },
    /// Somebody else applies.
    #[error("another apply is at work in the registry")]
    #[diagnostic(code(spile::supabase::locked), help("wait until it has ended, and run `spile plan` again"))]
    Locked,
    /// The rows are not those of the plan.
    #[error("the registry is not as planned")]
    #[diagnostic(code(spile::supabase::not_as_planned), help("run `spile plan` again"))]
    NotAsPlanned {
        /// What is otherwise.
        conflicts: Vec<Conflict>,
    },
    /// A rule of the user's own database.
    #[error("a rule of the database refuses a row: {rule}")]
    #[diagnostic(
        code(spile::supabase::constraint),
        help(
            "change the file that breaks the rule, or the rule; nothing was applied. The row is not shown, for it may hold anything"
        )
    )]
    Constraint {
        /// The constraint or column, in the server's words.
        rule: String,
    },
    /// Too much at once.
    #[error("the changes have {:.1} MB, and {:.0} MB fit into one transaction", megabytes(*bytes), megabytes(*most))]
    #[diagnostic(
        code(spile::supabase::too_large),
        help("nothing was sent; apply in parts with `spile apply --only SLUG...`")
    )]
    TooLarge {
        /// How many bytes they have.
        bytes: usize,
        /// How many fit.
        most: usize,
    },
    /// The database took too long.
    #[error("the database gave up: the changes took longer than its statement timeout")]
    #[diagnostic(
        code(spile::supabase::timeout),
        help("nothing was applied; apply in parts with `spile apply --only SLUG...`")
    )]
    Timeout,
    /// An answer that is none of PostgREST's.
    #[error("the registry's answer cannot be understood: {what}")]
    #[diagnostic(
        code(spile::supabase::answer),
        help(
            "check the address in `spile.toml`: is it the project's own, and `rest_path` right? A proxy in between may answer in its place"
        )
    )]
    Answer {
        /// What is wrong with it; never the answer itself.
        what: String,
    },
    /// Any other refusal of the server.
    #[error("the registry refuses ({status}{}): {message}", code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
    #[diagnostic(
        code(spile::supabase::refused),
        help("look the code up at https://docs.postgrest.org/en/stable/references/errors.html")
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// PostgREST's or Postgres' code.
        code: Option<String>,
        /// The server's message.
        message: String,
    },
}

#[expect(clippy::cast_precision_loss, reason = "a size for people, in megabytes")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// A row that is not as planned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Conflict {
    /// Its id.
    pub id: String,
    /// What is otherwise.
    pub why: String,
}

impl SupabaseError {
    /// Tells whether it says nothing of the key, the database or what was sent: later it may go well.
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

    /// Names what happened on the way. The address is left out of the error, query and all.
    pub(super) fn unreached(source: reqwest::Error) -> Self {
        let source = source.without_url();
        let what = if source.is_timeout() {
            "it takes too long"
        } else if source.is_connect() {
            "no connection comes about"
        } else {
            "the connection was cut"
        };
        Self::Unreached { what, source }
    }
}

/// Tells a row that somebody else has from one that has only changed.
pub(super) fn conflict(conflicts: &[Conflict], step: &Step<Row>) -> TargetError {
    for (id, change) in &step.changes {
        let Change::Create { after } = change else { continue };
        let found = conflicts.iter().find(|conflict| conflict.id == id.to_string());
        let owner = found.and_then(|conflict| match conflict.why.strip_prefix("owned by ") {
            Some(owner) => Some(format!("the project `{owner}`")),
            None => (conflict.why == "not managed").then(|| "a row of nobody's".to_owned()),
        });
        if let Some(owner) = owner.filter(|_| change.action() == Action::Create) {
            return TargetError::Owned { slug: after.slug.clone(), id: *id, owner };
        }
    }
    TargetError::Stale { target: "the registry" }
}
