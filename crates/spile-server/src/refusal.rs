//! Refusals: RFC 9457 problem details, with the same codes and next steps as every other interface.

mod body;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use miette::Diagnostic;
use serde::Serialize;

use spile_core::connector::Connector;
use spile_core::integration::field;
use spile_core::name::FieldPath;
use spile_core::problem::Report;
use spile_ops::state::StateError;
use spile_ops::{Error, secrets};
use spile_world::{self as world, TargetError};

/// Returns the audit log's note of a failure: its code, which contains nothing that a user typed.
pub fn failed(error: &Error) -> String {
    let code = error.code().map_or_else(|| "spile::http::internal".to_owned(), |code| code.to_string());
    format!("failed: {code}")
}

/// Says that a server changes nothing.
pub fn read_only() -> Refusal {
    let detail = "this server is read-only: it was started with `--read-only`";
    Refusal::new(StatusCode::FORBIDDEN, "spile::http::read_only", detail).help("change the files in git")
}

/// The reason why a request was refused.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Refusal(Box<Details>);

impl Deref for Refusal {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Refusal {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

/// Problem details (RFC 9457).
#[derive(Debug, Clone, Serialize)]
pub struct Details {
    /// `urn:spile:area:word`
    #[serde(rename = "type")]
    pub kind: String,
    /// The title of the status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The message.
    pub detail: String,
    /// `spile::area::word`
    pub code: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The problems of each field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// After how many seconds to retry.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// A problem in a field of the request, or in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldError {
    /// The field: `config.start_date`, `secrets.token`, `schedule`. Omitted if the problem is about the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldPath>,
    /// `spile::area::word`
    pub code: String,
    /// The message.
    pub message: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The file with the problem, relative to the project.
    pub file: String,
    /// The line in that file.
    pub line: usize,
}

impl FieldError {
    /// Returns the problem of a field in a form, whose values no file has yet.
    #[must_use]
    pub fn of_form(field: FieldPath, code: &str, message: String) -> Self {
        Self { field: Some(field), code: code.to_owned(), message, help: None, file: String::new(), line: 0 }
    }
}

impl Refusal {
    /// Returns what is wrong with each field of a form.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<String, String> {
        let told = self.errors.iter().filter_map(|error| {
            let help = error.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
            Some((error.field.as_ref()?.to_string(), format!("{}{help}", error.message)))
        });
        told.collect()
    }

    /// Refuses with a status and a code.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind: format!("urn:{}", code.replace("::", ":")),
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            help: None,
            errors: Vec::new(),
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
        }))
    }

    /// Adds the problems of fields that have none yet, so that a form shows all of them at once.
    pub fn add(&mut self, rest: &Self) {
        let is_new = |error: &&FieldError| self.errors.iter().all(|known| known.field != error.field);
        let new: Vec<FieldError> = rest.errors.iter().filter(is_new).cloned().collect();
        self.errors.extend(new);
    }

    /// Adds the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Makes a refusal from an error in a connector's form. The connector maps missing settings to field names.
    #[must_use]
    pub fn of(error: &Error, connector: Option<&Connector>) -> Self {
        let shown = error.shown();
        let code = shown.code().map(|code| code.to_string()).unwrap_or_default();
        let mut refusal = Self::new(status(error), &code, shown.to_string());
        refusal.help = shown.help().map(|help| help.to_string());
        match error {
            Error::Problems(report) | Error::Words(report) => refusal.errors = errors(report, connector),
            Error::Secrets(secrets::Error::Value { name, .. } | secrets::Error::Unknown { name, .. }) => {
                let (message, help) = (refusal.detail.clone(), refusal.help.clone());
                refusal.errors.push(FieldError {
                    field: Some(FieldPath::of("secrets").join(name)),
                    code,
                    message,
                    help,
                    file: String::new(),
                    line: 0,
                });
            }
            _ => {}
        }
        refusal
    }

    /// Returns its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn errors(report: &Report, connector: Option<&Connector>) -> Vec<FieldError> {
    let data = |problem: &spile_core::problem::Problem| {
        let place = problem.place();
        FieldError {
            field: field::of(problem, connector),
            code: problem.code(),
            message: problem.message().to_string(),
            help: problem.help().map(|help| help.to_string()),
            file: problem.path(),
            line: place.line_and_column().0,
        }
    };
    report.problems().iter().map(data).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the HTTP status: 4xx for mistakes in the request, 5xx for failures elsewhere.
fn status(error: &Error) -> StatusCode {
    // Another process holds the lock, and will release it soon.
    if let Some(world::files::refusal::FileRefusal::Busy(_)) = world::files::refusal::FileRefusal::behind(error) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match error {
        Error::Connectors(spile_ops::connectors::ConnectorsError::Unknown { .. })
        | Error::UnknownNames { .. }
        | Error::NoRun { .. }
        | Error::State(StateError::Unknown { .. } | StateError::None { .. })
        | Error::NoConnector { .. }
        | Error::NoApply { .. }
        | Error::PrunedApply { .. }
        | Error::NoChannel { .. }
        | Error::NoToken { .. }
        | Error::UnknownCode { .. } => StatusCode::NOT_FOUND,
        Error::Problems(_)
        | Error::Upgraded { .. }
        | Error::Words(_)
        | Error::Environment(_)
        | Error::SavedPlan(_)
        | Error::NothingToAdopt { .. }
        | Error::NotInstalled { .. }
        | Error::AmbiguousApply { .. }
        | Error::NotPulled { .. }
        | Error::NotRunnable { .. }
        | Error::VariableMissing { .. }
        | Error::State(
            StateError::Mistake(_)
            | StateError::Ambiguous { .. }
            | StateError::NoResync { .. }
            | StateError::NoForward { .. }
            | StateError::ChosenTwice { .. }
            | StateError::Later { .. }
            | StateError::OtherTap { .. }
            | StateError::Document { .. }
            | StateError::NotExported { .. },
        )
        | Error::Import(_)
        | Error::Connectors(_)
        | Error::Unsaid { .. }
        | Error::Secrets(
            secrets::Error::Value { .. }
            | secrets::Error::Unknown { .. }
            | secrets::Error::SignIn(_)
            | secrets::Error::OAuth(_),
        ) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Stale { .. }
        | Error::OtherPlan { .. }
        | Error::Taken { .. }
        | Error::Exists { .. }
        | Error::LargeContract { .. }
        | Error::Moved { .. }
        | Error::Refused(_)
        | Error::Overwrites(_)
        | Error::Protected { .. }
        | Error::NotConverged { .. }
        | Error::State(
            StateError::Busy { .. }
            | StateError::Changed { .. }
            | StateError::NotKept { .. }
            | StateError::Unreadable { .. },
        )
        | Error::Git(_)
        | Error::Secrets(_)
        | Error::Target(TargetError::Stale { .. } | TargetError::StaleOutput { .. } | TargetError::AlertsInUse) => {
            StatusCode::CONFLICT
        }
        Error::Target(_)
        | Error::Bookmarks { .. }
        | Error::State(StateError::NotWritten { .. })
        | Error::Install(_)
        | Error::Run(_)
        | Error::Discover(_)
        | Error::Preview(_)
        | Error::Certify(_)
        | Error::Verify(_)
        | Error::About(_)
        | Error::Hub(_)
        | Error::Command(_) => StatusCode::SERVICE_UNAVAILABLE,
        // No request can cause these.
        Error::NoProject(_)
        | Error::Declined
        | Error::Range(_)
        | Error::BackfillDeclined
        | Error::Stopped
        | Error::BrokenOff { .. }
        | Error::NotHosted
        | Error::NoTableCheck { .. }
        | Error::OpenDoor { .. }
        | Error::Folder { .. }
        | Error::NoFile { .. }
        | Error::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::of(&error, None)
    }
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        Error::from(error).into()
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let status = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, "spile::http::body", body::told(status, &rejection.body_text()))
            .help("send a JSON object with `Content-Type: application/json`; see `/api/openapi.json` for its fields")
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        let _ = rejection;
        Self::new(StatusCode::BAD_REQUEST, "spile::http::query", "a query parameter is not valid")
            .help("see `/api/openapi.json` for the parameters and their types")
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        let _ = rejection;
        Self::new(StatusCode::NOT_FOUND, "spile::http::not_found", "nothing exists at this address")
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), "spile::http::body", body::told(rejection.status(), ""))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Lets the guard show it as a page to browsers.
        response.extensions_mut().insert(self);
        response
    }
}

/// Returns a refusal that does not reveal what failed inside.
pub fn internal() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "spile::http::internal", "internal server error")
        .help("see the server's output for details, and report this as a bug")
}

/// Answers requests for unknown addresses.
pub async fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "spile::http::not_found", "nothing exists at this address")
        .help("see `/api/openapi.json` for all endpoints")
}
