//! Forms as browsers send them: fields by name, with the token that protects against forms of other sites.

use std::marker::PhantomData;

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::{Form, extract::FromRequestParts};

use super::edited::normalized;
use super::shell::{At, Trouble};
use crate::app::App;
use crate::caller::Role;
use crate::refusal::Refusal;

/// A form, sent by a caller with the required role: an editor, unless the type parameter says otherwise.
pub struct Posted<By = Changing> {
    /// The caller and the server.
    pub at: At,
    /// The fields, in order.
    pub fields: Vec<(String, String)>,
    by: PhantomData<By>,
}

/// A kind of form sender.
pub trait Sender {
    /// The lowest role that may send the form.
    const ROLE: Role;
}

/// Callers who may change something.
pub struct Changing;

/// Callers who may view pages.
pub struct Looking;

impl Sender for Changing {
    const ROLE: Role = Role::Editor;
}

impl Sender for Looking {
    const ROLE: Role = Role::Viewer;
}

impl<By> Posted<By> {
    /// Returns the last value of a field.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Returns all values of a field.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// Returns the fields.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<By: Sender> FromRequest<App> for Posted<By> {
    type Rejection = Trouble;

    async fn from_request(request: Request, app: &App) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let at = At::from_request_parts(&mut parts, app).await?;
        at.who.may(By::ROLE)?;
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(Request::from_parts(parts, body), app)
            .await
            .map_err(|rejection| refused(&rejection))?;
        let fields = fields.into_iter().map(|(name, text)| (name, normalized(&text))).collect();
        let posted = Self { at, fields, by: PhantomData };
        if posted.at.who.csrf.as_deref().is_some_and(|csrf| csrf != posted.get("csrf")) {
            let detail = "the form belongs to another session";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::csrf", detail)
                .help("reload the page and submit the form again")
                .into());
        }
        Ok(posted)
    }
}

fn refused(rejection: &FormRejection) -> Trouble {
    Refusal::new(rejection.status(), "spile::http::body", rejection.body_text()).into()
}
