//! Who has access: sessions that can be ended, and tokens that can be created and revoked.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::form::{Looking, Posted};
use super::super::shell::{At, Trouble};
use super::{Part, page};
use crate::caller::Role;
use crate::pages::when::When;
use crate::refusal::Refusal;
use crate::session::OpenSession;
use spile_ops as ops;
use spile_world::files::io_error::IoError;
use spile_world::stores::invites::Invite;
use spile_world::stores::tokens::{KeptToken, Token};

/// The most characters of a token's name.
const LONGEST: usize = 64;

pub async fn show(at: At) -> Result<Response, Trouble> {
    listed(&at, None, None).await
}

/// Renders the lists, with a token that was just created: it is never shown again.
async fn listed(at: &At, made: Option<&Token>, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let now = Timestamp::now();
    let is_admin = at.who.role == Role::Admin;
    // Others' access is for admins to see. Everybody sees their own.
    let is_own = |session: &OpenSession| session.who.csrf.is_some() && session.who.csrf == at.who.csrf;
    let sessions = at.app.sessions().open();
    let sessions = sessions.iter().filter(|session| is_admin || session.who.subject == at.who.subject);
    let sessions: Vec<Value> = sessions
        .map(|session| {
            json!({
                "id": session.id, "name": session.who.name, "role": session.who.role.word(), "is_own": is_own(session),
                "ends": When::relative(session.until, now),
            })
        })
        .collect();
    let tokens = if is_admin { at.app.tokens().all().map_err(unusable)? } else { Vec::new() };
    let tokens: Vec<Value> = tokens.iter().map(|token| row(token, now)).collect();
    let invites = if is_admin { at.app.sessions().invites.all(now).map_err(invites_unusable)? } else { Vec::new() };
    let invite = |one: &Invite| json!({ "id": one.sha256, "name": one.name, "role": one.role.word(), "until": When::relative(one.until, now) });
    let data = json!({
        "invites": invites.iter().map(invite).collect::<Vec<_>>(),
        "sessions": sessions, "tokens": tokens, "made": made.map(|token| &token.0), "is_admin": is_admin,
        "roles": Role::WORDS.map(|(word, _)| json!({ "value": word })),
    });
    page(at, Part::Access, data, refusal).await
}

fn row(token: &KeptToken, now: Timestamp) -> Value {
    json!({
        "name": token.name, "role": token.role.word(), "since": When::relative(token.created_at, now),
    })
}

/// Creates a token, and shows it once.
pub async fn make_token(posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    at.who.may(Role::Admin)?;
    let name = posted.get("name").trim();
    let role = Role::WORDS.into_iter().find(|(word, _)| *word == posted.get("role")).map(|(_, role)| role);
    let is_taken = at.app.tokens().all().map_err(unusable)?.iter().any(|token| token.name == name);
    let refused = |detail: &str, help: &str| {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", detail).help(help)
    };
    let role = match role {
        _ if name.is_empty() || name.chars().count() > LONGEST => Err(refused(
            "the token has no name, or one that is too long",
            "name the program that will use it, in at most 64 characters",
        )),
        _ if is_taken => Err(refused("this name is taken", "choose another name, or revoke that token first")),
        None => Err(refused("the token has no role", "choose viewer, editor or admin")),
        Some(role) => Ok(role),
    };
    match role {
        Err(refusal) => listed(at, None, Some(&refusal)).await,
        Ok(role) => {
            at.app.note(&at.who, "token", &[], Some(format!("{name} ({})", role.word())))?;
            let made = at.app.tokens().make(name, role, Timestamp::now()).map_err(unusable)?;
            listed(at, Some(&made), None).await
        }
    }
}

pub async fn revoke_token(posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    at.who.may(Role::Admin)?;
    let name = posted.get("name");
    if at.app.tokens().revoke(name).map_err(unusable)? {
        at.app.note(&at.who, "revoke", &[], Some(name.to_owned()))?;
    }
    Ok(Redirect::to("/settings/access?did=revoked").into_response())
}

/// Withdraws an invitation that nobody has used.
pub async fn withdraw_invite(posted: Posted) -> Result<Response, Trouble> {
    let at = &posted.at;
    at.who.may(Role::Admin)?;
    let withdrawn = at.app.sessions().invites.withdraw(posted.get("id"), Timestamp::now());
    if let Some(invite) = withdrawn.map_err(invites_unusable)? {
        at.app.note(&at.who, "withdraw", &[], Some(format!("of {}", invite.name)))?;
    }
    Ok(Redirect::to("/settings/access?did=withdrawn").into_response())
}

fn invites_unusable(source: std::io::Error) -> Refusal {
    ops::Error::from(IoError::of("use", ".spile/invites.json")(source)).into()
}

/// Ends a session: one of the user's own, or any if the user is an admin.
pub async fn end_session(posted: Posted<Looking>) -> Result<Response, Trouble> {
    let (at, id) = (&posted.at, posted.get("id"));
    let sessions = at.app.sessions();
    let session = sessions.open().into_iter().find(|session| session.id == id);
    if session.is_some_and(|session| session.who.subject != at.who.subject) {
        at.who.may(Role::Admin)?;
    }
    if let Some(who) = sessions.end(id) {
        at.app.note(&at.who, "end-session", &[], Some(format!("of {}", who.name)))?;
    }
    Ok(Redirect::to("/settings/access?did=session_ended").into_response())
}

fn unusable(source: std::io::Error) -> Refusal {
    ops::Error::from(IoError::of("use", ".spile/tokens.json")(source)).into()
}
