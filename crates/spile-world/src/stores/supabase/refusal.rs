//! Interprets the errors that servers and gateways return.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::SupabaseError;

/// The status that Supabase returns for a paused project.
const PAUSED: u16 = 540;

/// Tells whether a status comes from a gateway that has no server behind it at the moment.
pub(super) fn is_gateway(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 502 | 503 | 504 | 520..=524)
}

/// An error as the server sent it.
#[derive(Debug)]
pub(super) struct PostgrestRefusal {
    status: StatusCode,
    pub(super) code: Option<String>,
    message: String,
    details: Option<String>,
}

/// The body of a PostgREST error. If a row violates a constraint, `details` contains the row's values.
#[derive(Deserialize)]
struct Body {
    code: Option<Value>,
    message: Option<String>,
    details: Option<Value>,
}

impl PostgrestRefusal {
    pub(super) fn read(status: StatusCode, bytes: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Body>(bytes) else {
            let message = if bytes.is_empty() { "an empty response" } else { "a response that is not JSON" };
            return Self { status, code: None, message: message.to_owned(), details: None };
        };
        let details = body.details.map(|details| details.as_str().map_or_else(|| details.to_string(), str::to_owned));
        // Gateways send numbers here.
        let code = body.code.and_then(|code| code.as_str().map(str::to_owned));
        Self { status, code, message: body.message.unwrap_or_default(), details }
    }

    /// Translates the code into an error. The status counts only if there is no code.
    pub(super) fn into_error(self) -> SupabaseError {
        let Self { status, code, message, details } = self;
        let known = code.as_deref().unwrap_or_default();
        match known {
            "PT409" => match details.and_then(|details| serde_json::from_str(&details).ok()) {
                Some(conflicts) => SupabaseError::NotAsPlanned { conflicts },
                None => SupabaseError::NotAsPlanned { conflicts: Vec::new() },
            },
            "PT423" | "55P03" => SupabaseError::Locked,
            "PT403" => SupabaseError::Planner { why: message },
            "57014" => SupabaseError::Timeout,
            "PGRST301" | "PGRST302" | "PGRST303" => SupabaseError::Key { why: Some(message) },
            "42501" => SupabaseError::Forbidden { why: message },
            "PGRST202" | "PGRST205" | "42P01" | "42883" | "PGRST106" | "42703" | "PGRST204" => {
                SupabaseError::NotMigrated { why: message }
            }
            "PGRST000" | "PGRST001" | "PGRST002" | "PGRST003" | "53300" | "57P01" | "57P03" => {
                SupabaseError::Unavailable { why: message }
            }
            "PGRST125" => SupabaseError::answer("there is no REST API at this path"),
            // The message names the constraint, but the details contain the row.
            "23502" | "23503" | "23505" | "23514" | "22P02" | "22P05" => SupabaseError::Constraint { rule: message },
            "" if status == PAUSED => SupabaseError::Paused,
            "" if status == StatusCode::UNAUTHORIZED => SupabaseError::Key { why: None },
            "" if status == StatusCode::FORBIDDEN => SupabaseError::Forbidden { why: message },
            "" if status == StatusCode::PAYLOAD_TOO_LARGE => {
                SupabaseError::answer("the server does not accept a body this large")
            }
            "" if is_gateway(status) => SupabaseError::Unavailable { why: format!("{message}, with status {status}") },
            "" => SupabaseError::Answer { what: format!("{message}, with status {status}") },
            _ => SupabaseError::Refused { status: status.as_u16(), code, message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::supabase::error::Conflict;
    use miette::Diagnostic;

    fn said(status: u16, body: &str) -> String {
        let error = PostgrestRefusal::read(StatusCode::from_u16(status).unwrap(), body.as_bytes()).into_error();
        format!("{}: {error}", error.code().unwrap())
    }

    #[test]
    fn a_refusal_is_interpreted_by_its_code_and_its_details_are_not_shown() {
        let row = r#"{"code":"23514","message":"new row violates check constraint \"name_is_short\"","details":"Failing row contains (s, {\"k\": \"hunter2\"})","hint":null}"#;
        assert_eq!(
            said(400, row),
            "spile::supabase::constraint: a database constraint rejects a row: new row violates check constraint \"name_is_short\""
        );
        let missing =
            r#"{"code":"PGRST202","message":"Could not find the function public.spile_version","details":null}"#;
        assert!(said(404, missing).starts_with("spile::supabase::not_migrated: the registry is not set up: Could not"));
        assert!(said(401, "").starts_with("spile::supabase::key: the registry rejects the key"));
        let expired = r#"{"code":"PGRST303","message":"JWT expired","details":null}"#;
        assert_eq!(said(401, expired), "spile::supabase::key: the registry rejects the key: JWT expired");
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
        assert_eq!(said(540, ""), "spile::supabase::paused: the registry's Supabase project is paused");
        assert_eq!(
            said(404, r#"{"code":404,"message":"no such route"}"#),
            "spile::supabase::answer: the registry's response is not valid: no such route, with status 404 Not Found"
        );
        assert!(
            said(503, r#"{"code":"PGRST002","message":"no schema yet"}"#).starts_with("spile::supabase::unavailable")
        );
        let page = said(502, "<html>Bad gateway hunter2</html>");
        assert_eq!(
            page,
            "spile::supabase::unavailable: the registry is not available: a response that is not JSON, with status 502 Bad Gateway"
        );
    }

    #[test]
    fn a_stale_plan_comes_with_the_differences() {
        let details = r#"[{"id":"a","op":"create","why":"owned by other (prod)"}]"#;
        let body = serde_json::json!({"code": "PT409", "message": "not as planned", "details": details}).to_string();
        let error = PostgrestRefusal::read(StatusCode::CONFLICT, body.as_bytes()).into_error();
        let wanted = Conflict { id: "a".to_owned(), why: "owned by other (prod)".to_owned() };
        assert!(matches!(error, SupabaseError::NotAsPlanned { conflicts } if conflicts == [wanted]));
    }
}
