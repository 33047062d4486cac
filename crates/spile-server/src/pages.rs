//! Pages: values to HTML. Templates are part of the program and escape every value; rendering is pure.

pub mod activity;
pub mod chart;
pub mod failure;
pub mod fields;
pub mod log;
pub mod plan;
pub mod record;
pub mod timeline;
pub mod when;
pub mod words;

use std::borrow::Cow;
use std::sync::LazyLock;

use minijinja::{Environment, HtmlEscape, Output, State, UndefinedBehavior, Value};
use serde::Serialize;

use spile_core::phrase::Phrase;
use spile_core::visible::{is_turning, straight};
use spile_view::report::ProblemData;
use spile_view::runs::grouped;

/// The templates, by name.
const TEMPLATES: [(&str, &str); 30] = [
    ("activity.html.j2", include_str!("../../../templates/ui/activity.html.j2")),
    ("base.html.j2", include_str!("../../../templates/ui/base.html.j2")),
    ("bookmark.html.j2", include_str!("../../../templates/ui/bookmark.html.j2")),
    ("changes.html.j2", include_str!("../../../templates/ui/changes.html.j2")),
    ("components.html.j2", include_str!("../../../templates/ui/components.html.j2")),
    ("confirm.html.j2", include_str!("../../../templates/ui/confirm.html.j2")),
    ("connector.html.j2", include_str!("../../../templates/ui/connector.html.j2")),
    ("design.html.j2", include_str!("../../../templates/ui/design.html.j2")),
    ("draft_test.html.j2", include_str!("../../../templates/ui/draft_test.html.j2")),
    ("fault.html.j2", include_str!("../../../templates/ui/fault.html.j2")),
    ("integration.html.j2", include_str!("../../../templates/ui/integration.html.j2")),
    ("integration_history.html.j2", include_str!("../../../templates/ui/integration_history.html.j2")),
    ("integration_settings.html.j2", include_str!("../../../templates/ui/integration_settings.html.j2")),
    ("integration_status.html.j2", include_str!("../../../templates/ui/integration_status.html.j2")),
    ("integration_streams.html.j2", include_str!("../../../templates/ui/integration_streams.html.j2")),
    ("integrations.html.j2", include_str!("../../../templates/ui/integrations.html.j2")),
    ("login.html.j2", include_str!("../../../templates/ui/login.html.j2")),
    ("marketplace.html.j2", include_str!("../../../templates/ui/marketplace.html.j2")),
    ("message.html.j2", include_str!("../../../templates/ui/message.html.j2")),
    ("notifications.html.j2", include_str!("../../../templates/ui/notifications.html.j2")),
    ("overview.html.j2", include_str!("../../../templates/ui/overview.html.j2")),
    ("parts.html.j2", include_str!("../../../templates/ui/parts.html.j2")),
    ("run.html.j2", include_str!("../../../templates/ui/run.html.j2")),
    ("run_live.html.j2", include_str!("../../../templates/ui/run_live.html.j2")),
    ("runs.html.j2", include_str!("../../../templates/ui/runs.html.j2")),
    ("search.html.j2", include_str!("../../../templates/ui/search.html.j2")),
    ("search_results.html.j2", include_str!("../../../templates/ui/search_results.html.j2")),
    ("settings.html.j2", include_str!("../../../templates/ui/settings.html.j2")),
    ("toasts.html.j2", include_str!("../../../templates/ui/toasts.html.j2")),
    ("wizard.html.j2", include_str!("../../../templates/ui/wizard.html.j2")),
];

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    engine.set_formatter(straightened);
    engine.add_filter("exact", exact);
    engine.add_filter("phrase", phrase);
    engine.add_filter("amount", amount);
    for (name, text) in TEMPLATES {
        // A test parses every template, so a broken one is never released.
        let _ = engine.add_template(name, text);
    }
    engine
});

/// Writes a value as a page shows it: characters that change the direction of text appear as escapes.
fn straightened(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|text| !value.is_safe() && text.contains(is_turning)) {
        Some(text) => minijinja::escape_formatter(out, state, &Value::from(straight(text).into_owned())),
        None => minijinja::escape_formatter(out, state, value),
    }
}

/// Escapes the value of a control without replacing anything: the form sends it back unchanged.
fn exact(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| Value::from_safe_string(HtmlEscape(text).to_string()))
}

/// A sentence of ours as a page shows it, with what is code in it as code. What plugins say is not for it: that stays as it is.
fn phrase(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let html = |text: &str| HtmlEscape(&straight(text)).to_string();
    let code = |name: &str| format!("<code>{}</code>", html(name));
    Value::from_safe_string(Phrase::parse(text).shown(html, code))
}

/// A number with its digits grouped, and nothing if there is none. A script groups them as the viewer's language does.
fn amount(value: &Value) -> Value {
    let Ok(number) = u64::try_from(value.clone()) else { return Value::from("") };
    Value::from_safe_string(format!("<data value=\"{number}\">{}</data>", grouped(number)))
}

/// What every page has around it.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "what a user may do, each by itself")]
pub struct Shell {
    /// The name of the project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The links of the navigation.
    pub pages: Vec<PageLink>,
    /// The name of the user.
    pub user: String,
    /// The role of the user.
    pub role: &'static str,
    /// Whether the user may change files and start runs.
    pub can_edit: bool,
    /// Whether the user may test and sync.
    pub can_run: bool,
    /// Whether the user may apply plans.
    pub can_apply: bool,
    /// Whether the user has a session to sign out of.
    pub can_log_out: bool,
    /// The token that forms must send.
    pub csrf: String,
    /// The time of rendering: later alerts appear as toasts.
    pub now: String,
    /// The result of the user's last action.
    pub told: Option<Told>,
    /// The problems in the files.
    pub problems: Vec<ProblemData>,
    /// Why the registry does not answer.
    pub registry: Option<String>,
    /// The line about the server.
    pub about: About,
}

/// What every page says about the server.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The version of spile.
    pub version: &'static str,
    /// Where rows and runs are kept.
    pub registry: &'static str,
    /// Who runs the schedules.
    pub scheduler: &'static str,
    /// Whether the server refuses changes.
    pub is_read_only: bool,
}

/// A link to a page.
#[derive(Debug, Clone, Serialize)]
pub struct PageLink {
    /// Its path.
    pub path: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its icon in `assets/icons.svg`.
    pub icon: &'static str,
    /// Whether it is the current page.
    pub is_here: bool,
    /// How many unread items it has.
    pub count: usize,
}

impl PageLink {
    /// Returns a link to another page.
    #[must_use]
    pub const fn to(path: &'static str, name: &'static str, icon: &'static str) -> Self {
        Self { path, name, icon, is_here: false, count: 0 }
    }
}

/// A link to a part of a page.
#[derive(Debug, Clone, Serialize)]
pub struct Tab {
    /// Its title.
    pub title: Cow<'static, str>,
    /// Its path.
    pub path: String,
    /// Whether it is the part that is shown.
    pub is_here: bool,
    /// The number beside it; none is shown for 0.
    pub count: usize,
    /// What that number counts, for screen readers.
    pub counted: &'static str,
}

/// The result of the user's last action.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// `good`, `warn` or `bad`.
    pub tone: &'static str,
    /// The sentence.
    pub text: String,
    /// Whether the next step is to review the changes.
    pub leads_to_changes: bool,
}

/// A failed action, shown on the page that asked for it.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    /// What went wrong.
    pub message: String,
    /// The next step.
    pub help: Option<String>,
}

/// Renders a page.
///
/// # Errors
/// If a template uses a value that it does not get: a bug in spile.
pub fn render(name: &str, data: &impl Serialize) -> Result<String, minijinja::Error> {
    ENGINE.get_template(name)?.render(minijinja::value::Serde(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_parsed() {
        for (name, text) in TEMPLATES {
            let mut engine = Environment::new();
            engine.add_template(name, text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        }
    }

    #[test]
    fn names_in_a_sentence_are_code_on_a_page_whatever_is_in_them() {
        let shown = |text: &str| phrase(&Value::from(text)).to_string();
        assert_eq!(shown("run `spile <x>` & wait"), "run <code>spile &lt;x&gt;</code> &amp; wait");
        assert_eq!(shown("a \u{202e}`b\u{202e}`"), "a \\u{202e}<code>b\\u{202e}</code>");
        let page = render("fault.html.j2", &serde_json::json!({ "field": "name", "fault": "`<b>` is taken" })).unwrap();
        assert!(page.contains("><code>&lt;b&gt;</code> is taken</p>"), "{page}");
    }

    #[test]
    fn what_is_put_in_is_escaped() {
        let page = render(
            "message.html.j2",
            &serde_json::json!({
                "title": "<script>alert(1)</script>", "sentence": "a & b", "help": null, "code": null, "shell": null,
            }),
        );
        let page = page.unwrap();
        assert!(
            page.contains("&lt;script&gt;") && page.contains("a &amp; b") && !page.contains("<script>alert"),
            "{page}"
        );
    }
}
