//! What all pages share: the user, the navigation, and errors.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{HOST, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded::{self, Serializer};

use crate::app::App;
use crate::authentication::is_read;
use crate::caller::{Caller, Role};
use crate::pages::{About, Fault, PageLink, Shell, Told, render};
use crate::project_view::ProjectView;
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_ops::Error;

/// The pages in the navigation.
pub const PAGES: [PageLink; 8] = [
    PageLink::to("/overview", "Overview", "gauge"),
    PageLink::to("/integrations", "Integrations", "plug"),
    PageLink::to("/marketplace", "Catalog", "layout-grid"),
    PageLink::to("/runs", "Runs", "activity"),
    PageLink::to("/changes", "Changes", "git-pull-request-arrow"),
    PageLink::to("/activity", "Activity", "history"),
    PageLink::to("/notifications", "Notifications", "bell"),
    PageLink::to("/settings", "Settings", "settings-2"),
];

/// A request for a page: the user, and the project as it is now.
pub struct At {
    /// The user.
    pub who: Caller,
    /// The server.
    pub app: App,
    /// The project.
    pub desk: Arc<ProjectView>,
    /// The host that the browser asked, with its port.
    pub host: String,
    path: String,
    told: Option<Told>,
}

/// The reason why a page cannot be shown.
pub enum Trouble {
    /// Nobody is signed in: redirects to the sign-in page. A part of a page stays as it is, with what was typed there; the
    /// page itself says that the session has ended.
    Outside {
        /// The page to return to after the sign-in; `None` for a part of a page.
        next: Option<String>,
    },
    /// The request is refused.
    Refused(Refusal),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Refusal::from(error).into()
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let refusal = match self {
            Self::Outside { next: Some(next) } => return Redirect::to(&login(&next)).into_response(),
            Self::Outside { next: None } => return StatusCode::UNAUTHORIZED.into_response(),
            Self::Refused(refusal) => refusal,
        };
        told_as_page(&refusal)
    }
}

/// Returns a refusal as an HTML page.
pub fn told_as_page(refusal: &Refusal) -> Response {
    let data = json!({
        "shell": null,
        "title": refusal.title,
        "sentence": refusal.detail,
        "help": refusal.help,
        "code": refusal.code,
    });
    let page = render("message.html.j2", &data).unwrap_or_else(|_| refusal.detail.clone());
    let mut response = (refusal.status(), Html(page)).into_response();
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl FromRequestParts<App> for At {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Trouble> {
        let who = match Caller::from_request_parts(parts, app).await {
            Ok(who) => who,
            Err(refusal) if refusal.status() == StatusCode::UNAUTHORIZED => {
                let is_part = parts.headers.contains_key("hx-request");
                return Err(Trouble::Outside { next: (!is_part).then(|| page_of(parts)) });
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let desk = app.desk().await?;
        let told = told(parts.uri.query().unwrap_or_default());
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Self { who, app: app.clone(), desk, host, path: parts.uri.path().to_owned(), told })
    }
}

/// Returns the page that a request is for, or, if it would change something, the list.
fn page_of(parts: &Parts) -> String {
    let asked = parts.uri.path_and_query().filter(|_| is_read(&parts.method));
    asked.map_or_else(|| "/".to_owned(), ToString::to_string)
}

/// Returns the address of the sign-in page that leads to a page.
pub fn login(next: &str) -> String {
    match after_login(next) {
        "/" => "/login".to_owned(),
        next => format!("/login?{}", Serializer::new(String::new()).append_pair("next", next).finish()),
    }
}

/// Returns the page to show after a sign-in: one of this server, whatever the address says.
pub fn after_login(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.contains(char::is_control);
    if is_own && !next.starts_with("/login") { next } else { "/" }
}

/// Returns the sentence for the keyword in an address that reports what the last page did.
fn told(query: &str) -> Option<Told> {
    let value = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    let (_, did) = value("did")?;
    let leads_to_changes = matches!(&*did, "saved" | "deleted");
    // The name of a branch of ours has nothing else in it, so an address cannot put its own words on the page.
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let branch = value("branch")
        .and_then(|(_, branch)| branch.strip_prefix("spile/").filter(|name| is_name(name)).map(str::to_owned));
    if let ("branch", Some(branch)) = (&*did, branch) {
        let text = format!("Committed to the branch `spile/{branch}`. Request a review of it.");
        return Some(Told { tone: "good", text, leads_to_changes });
    }
    let (tone, text) = sentence(&did)?;
    Some(Told { tone, text: text.to_owned(), leads_to_changes })
}

/// Returns the tone and the sentence of a keyword.
fn sentence(did: &str) -> Option<(&'static str, &'static str)> {
    Some(match did {
        "saved" => ("good", "Saved. It takes effect when you apply the changes."),
        "unchanged" => ("good", "Nothing changed, so nothing was written."),
        "applied" => ("good", "Applied."),
        "rolled_back" => ("good", "Rolled back. The files still have the newer version."),
        "revoked" => ("good", "Revoked. Programs with this token no longer get in."),
        "withdrawn" => ("good", "Withdrawn. Its code no longer lets anybody in."),
        "session_ended" => ("good", "The session has ended."),
        "taken" => ("good", "Taken into the file."),
        "unapplied" => ("warn", "Saved, but not applied. Resolve the problem, then apply it here."),
        "branch" => ("good", "Committed to a new branch. Request a review of it."),
        "draft" => ("good", "Your answers are kept for an hour. You can continue below."),
        "discarded" => ("good", "Discarded."),
        "signed_in" => ("good", "Signed in. The token is encrypted when you save."),
        "connector" => ("good", "Added. You can use it for an integration now."),
        "deleted" => ("good", "Deleted. It takes effect when you apply the changes."),
        "cleared" => ("good", "Cleared. The next sync reads the stream again."),
        "enabled" => ("good", "Enabled."),
        "disabled" => ("good", "Disabled."),
        "part" => {
            ("warn", "Some runs have started; they are listed below. The others are already running or cannot run.")
        }
        "begun" => ("good", "The runs have started; they are listed below."),
        _ => return None,
    })
}

impl At {
    /// Tells whether the user may change files and start runs.
    pub fn can_edit(&self) -> bool {
        self.who.role >= Role::Editor && self.app.setup().writing != Writing::Not
    }

    /// Returns the frame around a page.
    pub async fn shell(&self) -> Shell {
        let writes = self.app.setup().writing != Writing::Not;
        let seen = self.desk.seen().await;
        let unread = self.app.seen().look(&seen, &self.who.subject).into_iter().filter(|one| !one.is_read).count();
        let page = |page: PageLink| PageLink {
            is_here: self.path.starts_with(page.path),
            count: if page.path == "/notifications" { unread } else { 0 },
            ..page
        };
        Shell {
            project: self.desk.loaded.settings.name.clone(),
            environment: self.desk.environment.to_string(),
            pages: PAGES.into_iter().map(page).collect(),
            user: self.who.name.clone(),
            role: self.who.role.word(),
            can_edit: self.can_edit(),
            can_run: self.who.role >= Role::Editor,
            can_apply: self.who.role >= Role::Admin && writes,
            can_log_out: self.who.csrf.is_some(),
            csrf: self.who.csrf.clone().unwrap_or_default(),
            now: Timestamp::now().to_string(),
            told: self.told.clone(),
            problems: self.desk.wrong.clone(),
            registry: self.desk.standings().await.err(),
            about: self.about(),
        }
    }

    /// Returns what every page says about the server.
    fn about(&self) -> About {
        let setup = self.app.setup();
        About {
            version: env!("CARGO_PKG_VERSION"),
            registry: self.desk.registry_words(),
            scheduler: if setup.has_scheduler { "runs schedules" } else { "does not run schedules" },
            is_read_only: setup.writing == Writing::Not,
        }
    }

    /// Renders a page.
    pub async fn page(&self, template: &str, title: &str, data: impl Serialize) -> Result<Response, Trouble> {
        self.page_with(StatusCode::OK, template, title, data).await
    }

    /// Renders a page with a status.
    pub async fn page_with(
        &self,
        status: StatusCode,
        template: &str,
        title: &str,
        data: impl Serialize,
    ) -> Result<Response, Trouble> {
        let mut all = serde_json::to_value(data).unwrap_or_default();
        all["shell"] = json!(self.shell().await);
        all["title"] = Value::String(title.to_owned());
        let page = render(template, &all).map_err(|error| mistake(&error))?;
        Ok((status, Html(page)).into_response())
    }
}

/// Returns the error for a template that does not match its values.
pub fn mistake(error: &minijinja::Error) -> Trouble {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "spile::http::internal", format!("a page has a mistake: {error}"))
        .into()
}

/// Returns an error to show on a page that is rendered again.
pub fn fault(refusal: &Refusal) -> Fault {
    let rest: Vec<&str> = refusal.errors.iter().map(|error| error.message.as_str()).collect();
    let message = if rest.is_empty() { refusal.detail.clone() } else { rest.join("; ") };
    let help = refusal.help.clone().or_else(|| refusal.errors.iter().find_map(|error| error.help.clone()));
    Fault { message, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_branch_is_shown_but_no_other_words_of_an_address() {
        let text = |query: &str| told(query).map(|told| told.text);
        let named = "Committed to the branch `spile/add-shop`. Request a review of it.";
        assert_eq!(text("did=branch&branch=spile%2Fadd-shop").as_deref(), Some(named));
        for query in ["did=branch", "did=branch&branch=spile%2Fyou+won", "did=branch&branch=other"] {
            assert_eq!(text(query).as_deref(), Some("Committed to a new branch. Request a review of it."), "{query}");
        }
        assert_eq!(text("did=nonsense"), None);
    }

    #[test]
    fn a_sign_in_leads_back_to_a_page_of_this_server_only() {
        assert_eq!(login("/runs?slug=shop&x=1"), "/login?next=%2Fruns%3Fslug%3Dshop%26x%3D1");
        assert_eq!(after_login("/runs?slug=shop"), "/runs?slug=shop");
        for other in
            ["", "runs", "//evil.example", "/\\evil.example", "https://evil.example", "/login?next=/login", "/a\nb"]
        {
            assert_eq!(after_login(other), "/", "{other:?}");
        }
        assert_eq!(login("/"), "/login");
    }
}
