//! The schema of `connectors/*.toml`.

use serde_json::{Value, json};

use super::form::{document, flag, open_table, table, tables, text, texts, whole, word};
use crate::connector::naming::{Letters, Part};
use crate::connector::oauth::{ClientAuth, RedirectHost};
use crate::connector::passthrough_keys::{self, KeyForm};
use crate::connector::{Kind, ResetMoment, Role};

pub(super) fn schema() -> Value {
    let top = [
        ("name", text("What integrations use as `type`; the default is the file's stem.")),
        ("kind", word(Role::WORDS.map(|(word, _)| word), "Which end of a pipeline it is.")),
        ("label", text("Its display name.")),
        ("description", text("One sentence for the catalog.")),
        ("category", text("Its category in the catalog.")),
        ("keywords", texts("More words to find it by.")),
        ("docs", text("The address of its documentation.")),
        ("logo", text("An image file, relative to the project.")),
        ("plugin", plugin()),
        ("one_group", flag("Whether at most one of the groups may be set.")),
        ("settings", tables(&setting(), "The settings, in the order a form shows them.")),
        ("groups", tables(&group(), "Alternatives: all settings of at least one group are required.")),
        ("select", texts("What an integration without its own `select` reads.")),
        ("metadata", open_table("Default replication metadata of integrations, by stream.")),
        ("losses", tables(&loss(), "What it loses from the records that it moves.")),
        ("naming", naming()),
        ("quota", quota()),
        ("range", range()),
        ("reset", reset()),
        ("oauth", oauth()),
        ("own_streams", flag("Whether its settings choose its streams.")),
        (
            "parallel",
            flag("Whether several of its processes may work at once, each with streams or tables of its own."),
        ),
        ("lock", lock()),
    ];
    document("A spile connector", table(top, &["plugin"]))
}

fn plugin() -> Value {
    let keys = [
        ("name", text("The name of the plugin.")),
        ("namespace", text("The prefix of its schema names; if it is set, Meltano does not query the hub.")),
        ("variant", text("The variant: who maintains this implementation.")),
        ("pip_url", text("What pip installs: pin its version.")),
        ("executable", text("The command it installs.")),
        ("capabilities", texts("The parts of the Singer specification that it supports.")),
    ];
    table(keys.into_iter().chain(handed_on(&passthrough_keys::OF_PLUGINS)), &["name", "namespace"])
}

fn setting() -> Value {
    let choice = table([("value", scalar()), ("label", text("The text in forms."))], &["value"]);
    let options = json!({
        "description": "The values that it accepts, with `kind = \"options\"`.",
        "type": "array",
        "items": { "anyOf": [scalar(), choice] },
    });
    let keys = [
        ("name", text("Its name; dots for nested ones.")),
        ("kind", word(Kind::WORDS.map(|(word, _)| word), "Which values it accepts.")),
        ("label", text("Its name in forms.")),
        ("description", text("What it does.")),
        ("default", json!({ "description": "The value that the plugin uses if none is set." })),
        ("options", options),
        ("required", flag("Always required.")),
        (
            "secret",
            flag(
                "Never in plain text in a file. By default the name decides; `false` overrides what the name or a value looks like, and survives upgrades of the connector.",
            ),
        ),
        ("resync", flag("Changing it triggers a resync.")),
        ("advanced", flag("Not shown in a form at first.")),
        ("plugin", flag("`false`: the plugin does not have it. spile uses it, and does not pass it on.")),
        ("hosts", texts("The domains of the `https` addresses that it accepts, for example `example.com`.")),
    ];
    table(keys.into_iter().chain(handed_on(&passthrough_keys::OF_SETTINGS)), &["name"])
}

/// Returns the schema of an option's value.
fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"], "description": "The value that is passed to the plugin." })
}

/// Returns the keys that spile passes on to Meltano.
fn handed_on(keys: &[(&'static str, KeyForm)]) -> impl Iterator<Item = (&'static str, Value)> {
    let what = "Passed on to Meltano unchanged.";
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
        ("types", texts("The affected field types, for example `string (date-time)`.")),
        ("what", text("What happens to them, as a phrase that follows the connector's name.")),
    ];
    table(keys, &["what"])
}

fn quota() -> Value {
    let count = |what: &str| json!({ "description": what, "type": "integer", "minimum": 1, "maximum": u32::MAX });
    let keys = [
        ("rows_per_call", count("The most rows that one call to the source's API returns.")),
        ("calls_per_day", count("The most calls that the source allows in 24 hours.")),
    ];
    table(keys, &[])
}

fn range() -> Value {
    let keys = [
        ("start", text("The setting for the time from which it reads; the default is `start_date`.")),
        ("end", text("The setting for the time before which it stops reading.")),
        ("clauses", text("The setting for options by stream, in which `custom_where_clauses` lists SQL conditions.")),
    ];
    table(keys, &[])
}

fn reset() -> Value {
    let keys = [
        (
            "when",
            word(
                ResetMoment::WORDS.map(|(word, _)| word),
                "When the loader removes older rows: at the end, told by `ACTIVATE_VERSION`, or before the first record.",
            ),
        ),
        ("settings", open_table("Settings that a run with `--reset` gives the loader.")),
        ("needs", open_table("Settings that an integration must have or leave at this default.")),
    ];
    table(keys, &[])
}

fn oauth() -> Value {
    let words =
        |what: &str| json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": what });
    let port = whole(
        1024,
        u32::from(u16::MAX),
        "The port of the redirect address, if the provider accepts only one; the default is a free one.",
    );
    let keys = [
        ("authorize_url", text("Where a person signs in: an `https` address; settings can be used in braces.")),
        ("token_url", text("Where a program gets tokens; the client's secret is sent there.")),
        ("device_url", text("Where a program gets a code to type on another device (RFC 8628).")),
        ("scopes", texts("What the token may do.")),
        ("scope_separator", text("What separates the scopes in a request; the default is a space.")),
        ("parameters", words("More parameters of the address where a person signs in.")),
        ("values", open_table("Words that stand for the values of a setting in an address, by setting and value.")),
        ("pkce", json!({ "type": "boolean", "default": true, "description": "Whether to use PKCE (RFC 7636)." })),
        (
            "client_auth",
            word(ClientAuth::WORDS.map(|(word, _)| word), "How the client sends its secret; the default is `body`."),
        ),
        ("client_id", text("The setting with the client's id.")),
        ("client_secret", text("The setting with the client's secret; public clients have none.")),
        ("refresh_token", text("The setting that takes the refresh token.")),
        ("access_token", text("The setting that takes the access token, if access tokens do not expire.")),
        (
            "redirect_host",
            word(RedirectHost::WORDS.map(|(word, _)| word), "The name of this machine in the redirect address."),
        ),
        ("redirect_port", port),
    ];
    table(keys, &["authorize_url", "token_url", "client_id"])
}

fn naming() -> Value {
    let longest =
        json!({ "description": "The maximum number of characters in a table name.", "type": "integer", "minimum": 1 });
    let keys = [
        ("separator", text("What separates the catalog, the schema, and the table in a stream name.")),
        ("table", word(Part::WORDS.map(|(word, _)| word), "Which part of the name becomes the table name.")),
        ("letters", word(Letters::WORDS.map(|(word, _)| word), "What happens to the letters of a name.")),
        ("schema_setting", text("The setting that names one schema for all streams.")),
        ("mapping_setting", text("The setting that maps schemas of the source to `{ target_schema = … }`.")),
        ("stream_schema", flag("Whether the stream's own schema is used if no setting names one.")),
        ("longest", longest),
        ("file", text("The name of the file, for example `{stream_name}.csv`; settings can also be used in braces.")),
    ];
    table(keys, &[])
}

fn group() -> Value {
    table([("label", text("The label of the group.")), ("settings", texts("The settings it needs."))], &["label"])
}
