//! The settings of the project and of this server: who has access, notifications, keys, and what runs here.

mod access;
mod keys;
mod notify;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::shell::{At, Trouble, fault};
use crate::pages::Tab;
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_ops::edits::Destination;

pub use access::{end_session, make_token, revoke_token, show as access, withdraw_invite};
pub use keys::show as keys;
pub use notify::{show as channels, test as test_channel};

/// A part of the page, with its own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The project, its registry, and this server.
    About,
    /// Sessions and tokens.
    Access,
    /// The channels of notifications.
    Notifications,
    /// Who can decrypt which secrets.
    Keys,
}

impl Part {
    const ALL: [Self; 4] = [Self::About, Self::Access, Self::Notifications, Self::Keys];

    /// Returns its title and its path.
    fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::About => ("About", "/settings"),
            Self::Access => ("Access", "/settings/access"),
            Self::Notifications => ("Notifications", "/settings/notifications"),
            Self::Keys => ("Keys", "/settings/keys"),
        }
    }
}

/// Renders a part with the links to the others.
async fn page(at: &At, part: Part, mut data: Value, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let link = |one: Part| {
        let (title, path) = one.link();
        Tab { title: title.into(), path: path.to_owned(), is_here: one == part, count: 0, counted: "" }
    };
    let title = part.link().0;
    data["parts"] = json!(Part::ALL.map(link));
    data["part"] = json!(title);
    data["fault"] = json!(refusal.map(fault));
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    at.page_with(status, "settings.html.j2", &format!("{title} · Settings"), data).await
}

pub async fn about(at: At) -> Result<Response, Trouble> {
    let (setup, settings) = (at.app.setup(), &at.desk.loaded.settings);
    let writes = match &setup.writing {
        Writing::Not => "Nothing: this server is read-only",
        Writing::To(Destination::WorkingTree) => "To the files",
        Writing::To(Destination::Branch { push: None, .. }) => "To a branch for each change",
        Writing::To(Destination::Branch { push: Some(_), .. }) => "To a branch for each change, which is pushed",
        Writing::Applied => "To the files, and applied at once",
    };
    let fact = |name: &str, value: &str| json!({ "name": name, "value": value });
    let guard = settings.guard;
    let limits = format!("{} % deleted, {} % changed", guard.max_delete_percent, guard.max_change_percent);
    let facts = json!([
        fact("Project", &settings.name),
        fact("Environment", at.desk.environment.as_str()),
        fact("Registry", at.desk.registry_words()),
        fact("Changes are written", writes),
        fact("Limits of one apply", &limits),
        fact("Schedules", if setup.has_scheduler { "This server runs them" } else { "This server does not run them" }),
        fact("spile", env!("CARGO_PKG_VERSION")),
        fact("Meltano", &settings.meltano.version),
    ]);
    page(&at, Part::About, json!({ "facts": facts }), None).await
}
