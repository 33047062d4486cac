//! What a hosted registry answers when it does not do what it is asked, in words and with the next step.

use miette::Diagnostic;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::plan::{Action, Change, Step};
use crate::record::Row;
use crate::world::TargetError;

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
    /// The client cannot be made.
    #[error("there is no way to make secure connections")]
    #[diagnostic(code(spile::supabase::client), help("install the system's CA certificates"))]
    Client {
        /// Why.
        source: reqwest::Error,
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

/// A refusal as the server sent it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) code: Option<String>,
    message: String,
    details: Option<String>,
}

/// The body of PostgREST's errors. `details` of a row that breaks a rule holds the row's values.
#[derive(Deserialize)]
struct Body {
    code: Option<String>,
    message: Option<String>,
    details: Option<Value>,
}

impl Refusal {
    pub(super) fn read(status: StatusCode, bytes: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Body>(bytes) else {
            let message = if bytes.is_empty() { "an empty answer" } else { "an answer that is no JSON" };
            return Self { status, code: None, message: message.to_owned(), details: None };
        };
        let details = body.details.map(|details| details.as_str().map_or_else(|| details.to_string(), str::to_owned));
        Self { status, code: body.code, message: body.message.unwrap_or_default(), details }
    }

    /// Says in words what the code means; the status only where there is no code.
    pub(super) fn into_error(self) -> SupabaseError {
        let Self { status, code, message, details } = self;
        let known = code.as_deref().unwrap_or_default();
        match known {
            "PT409" => match details.and_then(|details| serde_json::from_str(&details).ok()) {
                Some(conflicts) => SupabaseError::NotAsPlanned { conflicts },
                None => SupabaseError::NotAsPlanned { conflicts: Vec::new() },
            },
            "PT423" | "55P03" => SupabaseError::Locked,
            "57014" => SupabaseError::Timeout,
            "PGRST301" | "PGRST302" | "PGRST303" => SupabaseError::Key { why: Some(message) },
            "42501" => SupabaseError::Forbidden { why: message },
            "PGRST202" | "PGRST205" | "42P01" | "42883" | "PGRST106" | "42703" | "PGRST204" => {
                SupabaseError::NotMigrated { why: message }
            }
            "PGRST125" => SupabaseError::answer("there is no REST API at that path"),
            // The message names the rule; the details hold the row.
            "23502" | "23503" | "23505" | "23514" | "22P02" | "22P05" => SupabaseError::Constraint { rule: message },
            "" if status == StatusCode::UNAUTHORIZED => SupabaseError::Key { why: None },
            "" if status == StatusCode::FORBIDDEN => SupabaseError::Forbidden { why: message },
            "" if status == StatusCode::PAYLOAD_TOO_LARGE => {
                SupabaseError::answer("the server takes no body of that size")
            }
            "" => SupabaseError::Answer { what: format!("{message}, with status {status}") },
            _ => SupabaseError::Refused { status: status.as_u16(), code, message },
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> String {
        let error = Refusal::read(StatusCode::from_u16(status).unwrap(), body.as_bytes()).into_error();
        format!("{}: {error}", error.code().unwrap())
    }

    #[test]
    fn a_refusal_is_told_by_its_code_and_never_by_its_details() {
        let row = r#"{"code":"23514","message":"new row violates check constraint \"name_is_short\"","details":"Failing row contains (s, {\"k\": \"hunter2\"})","hint":null}"#;
        assert_eq!(
            said(400, row),
            "spile::supabase::constraint: a rule of the database refuses a row: new row violates check constraint \"name_is_short\""
        );
        let missing =
            r#"{"code":"PGRST202","message":"Could not find the function public.spile_version","details":null}"#;
        assert!(said(404, missing).starts_with("spile::supabase::not_migrated: the registry is not set up: Could not"));
        assert!(said(401, "").starts_with("spile::supabase::key: the registry does not take the key"));
        let expired = r#"{"code":"PGRST303","message":"JWT expired","details":null}"#;
        assert_eq!(said(401, expired), "spile::supabase::key: the registry does not take the key: JWT expired");
        assert!(
            said(401, r#"{"code":"42501","message":"permission denied for table integrations"}"#).contains("forbidden")
        );
        assert!(
            said(500, r#"{"code":"55P03","message":"canceling statement due to lock timeout"}"#).contains("locked")
        );
        assert!(
            said(500, r#"{"code":"57014","message":"canceling statement due to statement timeout"}"#)
                .contains("timeout")
        );
        let page = said(502, "<html>Bad gateway hunter2</html>");
        assert_eq!(
            page,
            "spile::supabase::answer: the registry's answer cannot be understood: an answer that is no JSON, with status 502 Bad Gateway"
        );
    }

    #[test]
    fn a_stale_plan_comes_with_what_is_otherwise() {
        let details = r#"[{"id":"a","op":"create","why":"owned by other (prod)"}]"#;
        let body = serde_json::json!({"code": "PT409", "message": "not as planned", "details": details}).to_string();
        let error = Refusal::read(StatusCode::CONFLICT, body.as_bytes()).into_error();
        let wanted = Conflict { id: "a".to_owned(), why: "owned by other (prod)".to_owned() };
        assert!(matches!(error, SupabaseError::NotAsPlanned { conflicts } if conflicts == [wanted]));
    }
}
