//! The fields of a connector's settings, as a page shows them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use spile_core::connector::kind::word_of;
use spile_core::connector::{Connector, Group, Kind, Setting};
use spile_core::form::{self, Rank, label};
use spile_core::value::Settings;

/// The answers so far, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct AnswersSoFar {
    /// The values of settings.
    pub config: Settings,
    /// The text typed for a setting, if it differs from what its value shows.
    pub typed: BTreeMap<String, String>,
    /// Unsaved text typed over the original.
    pub changed: BTreeMap<String, String>,
    /// When each secret was set, in words.
    pub set: BTreeMap<String, String>,
    /// Digests of the secrets' ciphertexts: setting a secret again changes its digest.
    pub marks: BTreeMap<String, String>,
    /// What is wrong, by field.
    pub faults: BTreeMap<String, String>,
}

/// The fields of a form, in groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fields {
    /// Required fields.
    pub required: Vec<FieldData>,
    /// Alternative groups of fields, of which one must be filled in.
    pub groups: Vec<GroupData>,
    /// Optional fields.
    pub optional: Vec<FieldData>,
    /// Fields that are shown on demand.
    pub advanced: Vec<FieldData>,
    /// Whether an advanced field is set or wrong, so that the form shows them.
    pub advanced_open: bool,
}

/// One of the alternative ways to set up a connector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupData {
    /// The label of the choice.
    pub label: String,
    /// Its fields.
    pub fields: Vec<FieldData>,
    /// Whether this group is shown.
    pub is_chosen: bool,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldData {
    /// Its name in the form: `config.host`, `secrets.token`.
    pub name: String,
    /// Its label.
    pub label: String,
    /// Its description, as plain text.
    pub help: String,
    /// Its control.
    pub control: Control,
    /// Its value; always empty for a secret.
    pub value: String,
    /// What an untouched field sends, without unsaved text; for a secret, the digest of its ciphertext.
    pub shown: String,
    /// The default, shown while the field is empty.
    pub placeholder: String,
    /// The values to choose from.
    pub options: Vec<OptionData>,
    /// Whether the field is required.
    pub required: bool,
    /// When the secret was set, in words; empty if it is not set.
    pub set: String,
    /// What is wrong with the value; empty if nothing is.
    pub fault: String,
}

/// A value to choose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionData {
    /// The value to send.
    pub value: String,
    /// The label.
    pub label: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

/// The control of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// A single line of text.
    Text,
    /// A single line for a number.
    Number,
    /// A single line for an email address.
    Email,
    /// Several lines of text.
    Lines,
    /// A checkbox.
    Box,
    /// A list to choose from.
    Choice,
    /// A single masked line.
    Secret,
    /// Several masked lines.
    SecretLines,
}

impl Fields {
    /// Returns the fields of a connector, filled with the answers so far.
    #[must_use]
    pub fn of(connector: &Connector, known: &AnswersSoFar) -> Self {
        let ranked = |rank| form::ranked(connector, rank).map(|setting| field(setting, known)).collect::<Vec<_>>();
        let advanced = ranked(Rank::Advanced);
        let is_told = |field: &FieldData| !(field.value.is_empty() && field.fault.is_empty() && field.set.is_empty());
        Self {
            required: ranked(Rank::Required),
            groups: groups(connector, known),
            optional: ranked(Rank::Optional),
            advanced_open: advanced.iter().any(|field| field.control != Control::Box && is_told(field)),
            advanced,
        }
    }

    /// Returns what each field sends if nobody touches it.
    #[must_use]
    pub fn shown(&self) -> BTreeMap<String, String> {
        let grouped = self.groups.iter().flat_map(|group| &group.fields);
        let all = self.required.iter().chain(grouped).chain(&self.optional).chain(&self.advanced);
        all.map(|field| (field.name.clone(), field.shown.clone())).collect()
    }
}

/// Returns the ways to set up a connector, in the order in which a form numbers them from 1; each label appears once.
#[must_use]
pub fn ways(connector: &Connector) -> Vec<&Group> {
    let mut seen = BTreeSet::new();
    connector.groups.iter().filter(|group| seen.insert(group.label.as_str())).collect()
}

fn groups(connector: &Connector, known: &AnswersSoFar) -> Vec<GroupData> {
    let is_said = |name: &String| known.config.contains_key(name) || known.set.contains_key(name);
    let said = |group: &Group| group.settings.iter().filter(|name| is_said(name)).count();
    let ways = ways(connector);
    // The way with the most answers, or the first if there are none.
    let best = ways.iter().map(|group| said(group)).max().unwrap_or(0);
    let chosen = ways.iter().position(|group| said(group) == best);
    let data = |(place, group): (usize, &&Group)| GroupData {
        label: group.label.clone(),
        is_chosen: chosen == Some(place),
        fields: form::grouped(connector, group).map(|setting| field(setting, known)).collect(),
    };
    ways.iter().enumerate().map(data).collect()
}

fn field(setting: &Setting, known: &AnswersSoFar) -> FieldData {
    // `[secrets]` may contain any setting. There it is a secret, whatever its definition says.
    let sealed = Setting { secret: true, ..setting.clone() };
    let setting = if known.set.contains_key(&setting.name) { &sealed } else { setting };
    let prefix = if setting.secret { "secrets" } else { "config" };
    let name = format!("{prefix}.{}", setting.name);
    let default = setting.default.as_ref().map(form::shown).unwrap_or_default();
    let original = known.config.get(&setting.name).map(form::shown).unwrap_or_default();
    let original = known.typed.get(&setting.name).cloned().unwrap_or(original);
    let value = known.changed.get(&setting.name).unwrap_or(&original).clone();
    let value = if setting.secret { String::new() } else { value };
    let present = if value.is_empty() { default.clone() } else { value.clone() };
    let control = control(setting, &original, &value);
    let shown = match control {
        Control::Secret | Control::SecretLines => known.marks.get(&setting.name).cloned().unwrap_or_default(),
        Control::Box => (if original.is_empty() { &default } else { &original } == "true").to_string(),
        Control::Text | Control::Number | Control::Email | Control::Lines | Control::Choice => original,
    };
    FieldData {
        label: label(setting),
        help: help(setting),
        control,
        placeholder: default,
        options: options(setting, &present),
        required: setting.required,
        set: known.set.get(&setting.name).cloned().unwrap_or_default(),
        fault: known.faults.get(&name).cloned().unwrap_or_default(),
        value: if control == Control::Box { present } else { value },
        shown,
        name,
    }
}

fn help(setting: &Setting) -> String {
    let help = setting.description.as_deref().map(plain).unwrap_or_default();
    if setting.kind == Kind::Array && !setting.secret {
        format!("{help} One per line.").trim().to_owned()
    } else {
        help
    }
}

/// Returns the control that sends an untouched value back unchanged: a single line has no line breaks, and a checkbox
/// only sends yes or no.
fn control(setting: &Setting, original: &str, value: &str) -> Control {
    let is_box = |text: &str| matches!(text, "" | "true" | "false");
    let is_long = || form::may_have_lines(setting) || original.contains(['\n', '\r']) || value.contains('\n');
    match setting.kind {
        _ if setting.secret && form::may_have_lines(setting) => Control::SecretLines,
        _ if setting.secret => Control::Secret,
        Kind::Boolean if is_box(original) && is_box(value) => Control::Box,
        Kind::Options(_) => Control::Choice,
        _ if is_long() => Control::Lines,
        Kind::Integer | Kind::Decimal => Control::Number,
        // Browsers trim the text of an email field.
        Kind::Email if original.trim() == original => Control::Email,
        _ => Control::Text,
    }
}

fn options(setting: &Setting, present: &str) -> Vec<OptionData> {
    let Kind::Options(choices) = &setting.kind else { return Vec::new() };
    let data = |choice: &spile_core::connector::kind::Choice| {
        let value = word_of(&choice.value);
        OptionData { is_chosen: value == present, label: choice.label.clone(), value }
    };
    with_present(choices.iter().map(data).collect(), present)
}

/// Adds the current value to options that lack it: otherwise a browser would send the first option instead.
#[must_use]
pub fn with_present(mut options: Vec<OptionData>, present: &str) -> Vec<OptionData> {
    if !present.is_empty() && !options.iter().any(|option| option.is_chosen) {
        let present = present.to_owned();
        options.push(OptionData { label: present.clone(), value: present, is_chosen: true });
    }
    options
}

/// Returns Markdown as plain text, without markup and link addresses.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown.trim();
    while let Some(at) = rest.find("](") {
        text.push_str(&rest[..at]);
        rest = rest[at..].split_once(')').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    let marks = |c: &char| !matches!(c, '`' | '*' | '[' | '#');
    text.chars().filter(marks).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use spile_core::connector::{Catalog, Role};

    #[test]
    fn fields_follow_the_groups_of_the_connector_and_contain_no_secret() {
        let salesforce = Catalog::built_in(Role::Extractor, "salesforce").unwrap();
        let known = AnswersSoFar {
            config: Settings::from([("client_id".to_owned(), json!("key-of-the-app"))]),
            changed: BTreeMap::from([("start_date".to_owned(), "yesterday".to_owned())]),
            set: BTreeMap::from([("client_secret".to_owned(), "3 days ago".to_owned())]),
            faults: BTreeMap::from([("config.start_date".to_owned(), "this is no date".to_owned())]),
            ..AnswersSoFar::default()
        };
        let fields = Fields::of(&salesforce, &known);
        let all = || {
            let grouped = fields.groups.iter().flat_map(|group| &group.fields);
            fields.required.iter().chain(grouped).chain(&fields.optional).chain(&fields.advanced)
        };
        let find = |name: &str| all().find(|field| field.name == name).unwrap();
        let start = find("config.start_date");
        assert_eq!((start.value.as_str(), start.shown.as_str()), ("yesterday", ""));
        assert_eq!(start.fault, "this is no date");
        let secret = find("secrets.client_secret");
        assert_eq!((secret.control, secret.value.as_str(), secret.set.as_str()), (Control::Secret, "", "3 days ago"));
        let api = find("config.api_type");
        assert_eq!(api.control, Control::Choice);
        assert!(api.options.len() > 1);
    }

    #[test]
    fn markdown_is_shown_as_text() {
        assert_eq!(plain("See [the *docs*](https://x.y/z) for `a`.\n\nMore"), "See the docs for a. More");
        assert_eq!(plain("broken [link](http"), "broken link");
    }
}
