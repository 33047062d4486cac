//! The schema of `connectors/*.toml`.

use serde_json::{Value, json};

use super::form::{document, flag, open_table, table, tables, text, texts, word};
use crate::connector::naming::{Letters, Part};
use crate::connector::passthrough_keys::{self, KeyForm};
use crate::connector::{Kind, Role};

pub(super) fn schema() -> Value {
    let top = [
        ("name", text("What integrations write as `type`; the file's stem where it is left out.")),
        ("kind", word(Role::WORDS.map(|(word, _)| word), "Which side of a pipeline it is.")),
        ("label", text("What people call it.")),
        ("description", text("One sentence for the catalog.")),
        ("category", text("The shelf of the catalog it stands on.")),
        ("keywords", texts("What else it is found by.")),
        ("docs", text("Where its documentation is.")),
        ("logo", text("An image file, relative to the project.")),
        ("plugin", plugin()),
        ("one_group", flag("Whether more than one of the groups is one too many.")),
        ("settings", tables(&setting(), "The settings, in the order a form shows them.")),
        ("groups", tables(&group(), "Alternatives of which at least one has to be set in full.")),
        ("select", texts("What an integration reads that has no `select` of its own.")),
        ("metadata", open_table("Replication metadata by stream that integrations start from.")),
        ("losses", tables(&loss(), "What it does not keep of the records that it moves.")),
        ("naming", naming()),
        ("own_streams", flag("Whether its settings name its streams.")),
        ("lock", lock()),
    ];
    document("A connector of spile", table(top, &["plugin"]))
}

fn plugin() -> Value {
    let keys = [
        ("name", text("The name of the plugin.")),
        ("namespace", text("The prefix of its schema names; with it Meltano asks no hub.")),
        ("variant", text("Whose implementation it is.")),
        ("pip_url", text("What pip installs: pin its version.")),
        ("executable", text("The command it installs.")),
        ("capabilities", texts("What of the Singer specification it can do.")),
    ];
    table(keys.into_iter().chain(handed_on(&passthrough_keys::OF_PLUGINS)), &["name", "namespace"])
}

fn setting() -> Value {
    let choice = table([("value", scalar()), ("label", text("What a form shows."))], &["value"]);
    let options = json!({
        "description": "The values that it takes, with `kind = \"options\"`.",
        "type": "array",
        "items": { "anyOf": [scalar(), choice] },
    });
    let keys = [
        ("name", text("Its name; dots for nested ones.")),
        ("kind", word(Kind::WORDS.map(|(word, _)| word), "What values it takes.")),
        ("label", text("What a form calls it.")),
        ("description", text("What it does.")),
        ("default", json!({ "description": "The value the plugin takes when none is given." })),
        ("options", options),
        ("required", flag("Always needed.")),
        (
            "secret",
            flag(
                "Never in a file in plain text; where it is left out, the name decides. `false` holds whatever the name or a value looks like, and stays when the connector is upgraded.",
            ),
        ),
        ("resync", flag("Changing it makes data be read again.")),
        ("advanced", flag("Not shown in a form at first.")),
    ];
    table(keys.into_iter().chain(handed_on(&passthrough_keys::OF_SETTINGS)), &["name"])
}

/// What an option may be.
fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"], "description": "What the plugin is given." })
}

/// Returns keys that Meltano reads and spile hands on.
fn handed_on(keys: &[(&'static str, KeyForm)]) -> impl Iterator<Item = (&'static str, Value)> {
    let what = "Handed on to Meltano as it stands.";
    keys.iter().map(move |(key, form)| {
        let value = match form {
            KeyForm::Text => text(what),
            KeyForm::Texts => texts(what),
            KeyForm::Flag => flag(what),
            KeyForm::Table => open_table(what),
            KeyForm::Word(words) => word(words.iter().map(|(word, ())| *word), what),
        };
        (*key, value)
    })
}

fn lock() -> Value {
    let keys = [
        ("from", text("Where the definition came from.")),
        ("sha256", text("The SHA-256 of the definition, in hexadecimal.")),
    ];
    table(keys, &["from", "sha256"])
}

fn loss() -> Value {
    let keys = [
        ("types", texts("The types of fields that it is about, such as `string (date-time)`.")),
        ("what", text("What becomes of them, to be read behind the connector's name.")),
    ];
    table(keys, &["what"])
}

fn naming() -> Value {
    let longest =
        json!({ "description": "How many characters a table's name may have.", "type": "integer", "minimum": 1 });
    let keys = [
        ("separator", text("What separates the catalog, the schema and the table in a stream's name.")),
        ("table", word(Part::WORDS.map(|(word, _)| word), "Which part of the name becomes the table's.")),
        ("letters", word(Letters::WORDS.map(|(word, _)| word), "What happens to the letters of a name.")),
        ("schema_setting", text("The setting that names one schema for all streams.")),
        ("mapping_setting", text("The setting that maps schemas of the source to `{ target_schema = … }`.")),
        ("stream_schema", flag("Whether the stream's own schema is used if no setting names one.")),
        ("longest", longest),
        ("file", text("The name of the file, such as `{stream_name}.csv`; braces hold settings too.")),
    ];
    table(keys, &[])
}

fn group() -> Value {
    table([("label", text("What the choice is called.")), ("settings", texts("The settings it needs."))], &["label"])
}
