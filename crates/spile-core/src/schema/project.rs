//! The schema of `spile.toml`.

use serde_json::{Value, json};

use super::form::{document, flag, open_table, table, tables, text, texts, whole, word};
use crate::integration::keys;
use crate::settings::{
    AlertKind, Builtin, CatalogAge, Guard, LINTS, Lint, MELTANO_VERSION, STREAMS, Severity, Sync, TableName, Verify,
};

/// A single environment variable.
const VARIABLE: &str = r"^\$\{[A-Za-z0-9_]+\}$";

/// The largest number that the counts in `[sync]` accept.
const MOST: u32 = u16::MAX as u32;

pub(super) fn schema() -> Value {
    let mut environments = open_table("The environments, by name.");
    environments["additionalProperties"] = environment();
    let top = [
        ("project", project()),
        ("environments", environments),
        ("registry", registry()),
        ("meltano", meltano()),
        ("outputs", tables(&output(), "Files that apply renders beside `meltano.yml`.")),
        ("guard", guard()),
        ("lint", lint()),
        ("sync", sync()),
        ("run", run()),
        ("notify", tables(&channel(), "Channels that get notifications about failures.")),
    ];
    document("A spile project", table(top, &["project"]))
}

fn project() -> Value {
    let keys = [
        ("name", text("The project's name: the owner of its rows.")),
        ("url", text("The address of `spile serve`: results and messages link to it.")),
        ("default_environment", text("The environment that commands use without `--env`.")),
    ];
    let mut project = table(keys, &["name"]);
    project["properties"]["name"]["pattern"] = json!(r"\S");
    project["properties"]["url"]["pattern"] = json!("^https?://");
    project
}

fn environment() -> Value {
    let keys = [
        ("protected", flag("Apply points this out when it asks for confirmation.")),
        ("registry", registry()),
        (
            "notify",
            texts("The names of the channels that get notifications about this environment; the default is all."),
        ),
    ];
    table(keys, &[])
}

fn registry() -> Value {
    let mut key = text("The variable that holds the key: `${SUPABASE_SECRET_KEY}`.");
    key["pattern"] = json!(VARIABLE);
    let mut name =
        text("The table of integrations; its name is also part of the names of everything else that spile creates.");
    name["default"] = json!(TableName::default().to_string());
    name["pattern"] = json!("^[a-z][a-z0-9_]{0,39}$");
    name["examples"] = json!(["spile_integrations"]);
    let keys = [
        ("kind", word(["local", "supabase"], "Where rows are kept: an SQLite file, or a Supabase project.")),
        ("url", text("`https://<project>.supabase.co`, or a variable.")),
        ("key", key),
        ("rest_path", text("The path of the REST API below the address.")),
        ("schema", text("The schema of the tables.")),
        ("table", name),
    ];
    table(keys, &[])
}

fn meltano() -> Value {
    let mut version = text("The version of Meltano to install.");
    version["default"] = json!(MELTANO_VERSION);
    version["pattern"] = json!("^[0-9][0-9A-Za-z.]*$");
    let mut backend = text("Where bookmarks are stored: `registry`, `local`, or an address that Meltano supports.");
    backend["pattern"] = json!("^(registry|local|[a-z0-9+.-]+://.+)$");
    backend["examples"] = json!(["registry", "local", "s3://bucket/folder"]);
    let extras = texts("The extras to install with it: `s3`, `gcs`, `azure`.");
    table([("version", version), ("extras", extras), ("state_backend", backend)], &[])
}

fn output() -> Value {
    let mut template = text("A built-in template, or a file in `templates/`.");
    template["examples"] = json!(Builtin::ALL.map(Builtin::word));
    let keys = [
        ("path", text("The file, relative to the project.")),
        ("template", template),
        ("environment", text("The environment whose schedules it contains.")),
        ("values", open_table("More variables for the template; never a secret.")),
    ];
    let mut output = table(keys, &["path", "template"]);
    let is = |builtin: Builtin| json!({ "properties": { "template": { "const": builtin.word() } } });
    let accepts = |builtin: Builtin| {
        let values = values(builtin);
        let required = if values["required"].is_null() { json!([]) } else { json!(["values"]) };
        json!({ "if": is(builtin), "then": { "properties": { "values": values }, "required": required } })
    };
    output["allOf"] = json!(Builtin::ALL.map(accepts));
    output
}

/// Returns the schema of the values for a built-in template. The project's own templates define their values
/// themselves.
fn values(builtin: Builtin) -> Value {
    let retries = ("retries", whole(0, 100, "How often a failed task is retried."));
    match builtin {
        Builtin::Airflow => table([("pools", flag("Whether each task runs in its connector's pool.")), retries], &[]),
        Builtin::Dagster => {
            let start = flag("Whether its schedules run as soon as Dagster loads the file.");
            table([("start", start), retries], &[])
        }
        Builtin::Dbt => {
            let intervals = |what: &str| whole(1, 100, what);
            let keys = [
                ("database", text("The database of the tables; the default is that of dbt's target.")),
                ("loader", text("The loader whose tables are listed; the default is all loaders.")),
                ("schema", text("The schema of tables whose schema depends on the loader's connection.")),
                ("warn_after", intervals("After how many intervals of its schedule a table is late.")),
                ("error_after", intervals("After how many intervals of its schedule a table is stale.")),
            ];
            table(keys, &[])
        }
        Builtin::Github => {
            let mut secrets =
                texts("The secrets of the repository that syncs get as variables; the default is `SOPS_AGE_KEY`.");
            secrets["items"]["pattern"] = json!("^[A-Za-z_][A-Za-z0-9_]*$");
            let plain = |what: &str| {
                let mut plain = text(what);
                plain["pattern"] = json!("^[A-Za-z0-9._+][A-Za-z0-9._+-]*$");
                plain
            };
            let keys = [
                ("secrets", secrets),
                ("environment", plain("The environment of the repository that keeps the secrets.")),
                ("version", plain("The version of spile that is installed; the default is the newest.")),
            ];
            table(keys, &[])
        }
        Builtin::Kubernetes => {
            let keys = [
                ("image", text("The image that contains spile and the project.")),
                ("namespace", text("The namespace of the jobs.")),
                ("secret", text("The secret whose keys are variables of the jobs.")),
                ("service_account", text("The service account of the jobs.")),
                ("own_secrets", flag("Whether each job also gets the variables of a secret with its own name.")),
                ("cpu", text("How much processor time each pod requests.")),
                ("memory", text("How much memory each pod requests and may use.")),
                ("scheduler", flag("Whether one deployment runs the schedules instead of jobs.")),
                ("pages", flag("Whether a deployment serves the pages beside the jobs.")),
                ("host", text("The name at which people reach the pages.")),
                ("volume", text("The volume claim for the logs of the deployment.")),
                retries,
            ];
            table(keys, &["image"])
        }
        Builtin::Systemd => {
            let mut user = text("The user that syncs run as; the default is the one that installs the units.");
            user["pattern"] = json!("^[A-Za-z0-9_][A-Za-z0-9._-]*$");
            let mut file = text("The file on that machine with the variables of syncs; an absolute path.");
            file["pattern"] = json!("^/[A-Za-z0-9/._+@-]*[A-Za-z0-9._+@-]$");
            table([("user", user), ("environment_file", file)], &[])
        }
    }
}

fn lint() -> Value {
    let Lint { secret_days, lock_days, .. } = Lint::default();
    let days = |what: &str, default: u16| {
        let description = format!("The maximum age of {what}, in days.");
        json!({ "type": "integer", "minimum": 1, "maximum": 65535, "default": default, "description": description })
    };
    let allow = json!({ "type": "array", "items": { "enum": LINTS }, "description": "Lints to turn off." });
    let keys =
        [("allow", allow), ("secret_days", days("secrets", secret_days)), ("lock_days", days("locks", lock_days))];
    table(keys, &[])
}

fn guard() -> Value {
    let default = Guard::default();
    let percent = |default: u8, description: &str| {
        let mut percent = whole(0, 100, description);
        percent["default"] = json!(default);
        percent
    };
    let keys = [
        ("max_delete_percent", percent(default.max_delete_percent, "The most integrations that a plan may delete.")),
        ("max_change_percent", percent(default.max_change_percent, "The most integrations that a plan may change.")),
        (
            "max_resync_rows",
            json!({ "type": "integer", "minimum": 0, "description": "The most rows that the resyncs of a plan may read again." }),
        ),
        ("max_resync_time", text("The longest that one resync may take, for example `2h`.")),
    ];
    table(keys, &[])
}

fn sync() -> Value {
    let default = Sync::default();
    let mut retries = whole(0, MOST, "How often to retry a run that failed for a temporary reason.");
    retries["default"] = json!(default.retries);
    let mut keep_logs = whole(1, MOST, "How many runs of each integration keep their logs.");
    keep_logs["default"] = json!(default.keep_logs);
    let mut verify = text("How a sync verifies that its records have arrived.");
    verify["enum"] = json!(Verify::WORDS.map(|(word, _)| word));
    verify["default"] = json!("count");
    let warm = json!({
        "type": "boolean", "default": default.warm,
        "description": "Whether `serve` and `run-due` prepare Meltano once and fork each run from it.",
    });
    let relay = json!({
        "type": "boolean", "default": default.relay,
        "description": "Whether spile passes the records from the tap to the loader, which is faster than Meltano's own copying.",
    });
    let mut streams = whole((*STREAMS.start()).into(), (*STREAMS.end()).into(), keys::what("streams"));
    streams["default"] = json!(default.streams);
    let mut catalog =
        text("How old the catalog of streams may be: `1d`, `12h`, `always` (a new one each time), or `kept`.");
    catalog["default"] = json!(CatalogAge::DEFAULT.0);
    catalog["examples"] = json!(["1d", "12h", "always", "kept"]);
    let severity = |from: usize, description: &str| {
        let mut severity = word(Severity::WORDS[from..].iter().map(|(word, _)| *word), description);
        severity["default"] = json!("warn");
        severity
    };
    let keys = [
        ("jobs", whole(1, MOST, "How many runs to start in parallel.")),
        ("timeout", text("How long a run may take, for example `2h`.")),
        ("retries", retries),
        ("retry_after", text("How long to wait before the first retry, for example `10s`.")),
        ("keep_logs", keep_logs),
        ("verify", verify),
        ("relay", relay),
        ("warm", warm),
        ("streams", streams),
        ("batch", flag(keys::what("batch"))),
        ("catalog", catalog),
        ("failed_discovery", severity(1, "What to do if discovery fails and a catalog of an earlier run exists.")),
        ("missing_stream", severity(1, "What to do if the source does not offer a stream that the files use.")),
        (
            "empty",
            severity(
                0,
                "What to do if a sync has no records, or a tenth of the usual ones, after syncs that had them.",
            ),
        ),
    ];
    table(keys, &[])
}

fn run() -> Value {
    let mut env = texts("Environment variables that plugins and their installers get in addition to the usual ones.");
    env["items"] = json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
    env["examples"] = json!([["AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"]]);
    table([("env", env)], &[])
}

fn channel() -> Value {
    let mut on = texts("What it gets notifications about; the default is everything.");
    on["items"] = json!({ "enum": AlertKind::WORDS.map(|(word, _)| word) });
    let variable = |description: &str| {
        let mut variable = text(description);
        variable["pattern"] = json!(VARIABLE);
        variable
    };
    let keys = [
        ("name", text("Its name, which environments refer to.")),
        ("kind", word(["slack", "webhook", "email", "desktop"], "The kind of channel.")),
        ("url", text("The address of a webhook, or the variable that holds it.")),
        ("secret", variable("The variable that holds the signing secret of webhooks.")),
        ("server", text("The mail server: `smtps://user@host:port`.")),
        ("password", variable("The variable that holds the password of the mail server.")),
        ("from", text("The sender.")),
        ("to", texts("The recipients.")),
        ("on", on),
        ("only", texts("Only these integrations: names, name patterns, and tags.")),
        ("repeat", text("When to repeat an alert that is still active: `24h`, `7d`, or `never`.")),
        ("most_per_hour", whole(1, u32::MAX, "The maximum number of messages per hour.")),
        ("template", text("A message template in the project.")),
    ];
    table(keys, &["name", "kind"])
}
