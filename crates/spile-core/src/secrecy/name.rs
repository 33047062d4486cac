//! Recognizes the names of settings that contain secrets. The tables are data. A test applies them to the names of all
//! settings on the Meltano hub and takes a snapshot of the matches.

/// Words that make a setting a secret, anywhere in its name.
const SECRET: [&str; 45] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    "token",
    "api_key",
    "api_keys",
    "apikey",
    "hapikey",
    "private_key",
    "privatekey",
    "access_key",
    "accesskey",
    "auth_key",
    "authkey",
    "app_key",
    "app_keys",
    "application_key",
    "user_key",
    "account_key",
    "shared_key",
    "storage_key",
    "master_key",
    "service_key",
    "subscription_key",
    "integration_key",
    "license_key",
    "signing_key",
    "encryption_key",
    "ssh_key",
    "credential",
    "credentials",
    "authorization",
    "auth_signature",
    "hash_seed",
    "bearer",
    "jwt",
    "access_tokens",
    "auth_tokens",
    "api_tokens",
    "refresh_tokens",
];

/// Endings of secrets that a harmless ending, or the lack of a secret word, would otherwise let pass.
const SECRET_ENDS: [&str; 13] = [
    "connection_string",
    "connection_url",
    "connection_uri",
    "dsn",
    "sqlalchemy_url",
    "webhook_url",
    "webhook_uri",
    "url_auth",
    "service_account_info",
    "service_account_json",
    "service_account_json_str",
    "service_account_key",
    "sas_url",
];

/// Endings of settings that mention a secret but do not contain one.
const HARMLESS_ENDS: [&str; 96] = [
    "path",
    "paths",
    "url",
    "urls",
    "uri",
    "uris",
    "endpoint",
    "endpoints",
    "host",
    "port",
    "location",
    "field",
    "fields",
    "column",
    "columns",
    "property",
    "properties",
    "table",
    "schema",
    "stream",
    "name",
    "names",
    "type",
    "types",
    "kind",
    "title",
    "label",
    "description",
    "file",
    "files",
    "filename",
    "filepath",
    "dir",
    "directory",
    "folder",
    "id",
    "ids",
    "key_id",
    "identifier",
    "param",
    "params",
    "parameter",
    "parameters",
    "header",
    "method",
    "mode",
    "policy",
    "policies",
    "rule",
    "rules",
    "strategy",
    "provider",
    "algorithm",
    "version",
    "format",
    "pattern",
    "regex",
    "template",
    "prefix",
    "suffix",
    "separator",
    "delimiter",
    "placeholder",
    "length",
    "size",
    "count",
    "limit",
    "expiry",
    "expiration",
    "expires",
    "expires_in",
    "expires_at",
    "lifetime",
    "ttl",
    "timeout",
    "age",
    "interval",
    "secs",
    "seconds",
    "minutes",
    "hours",
    "days",
    "rotation",
    "enabled",
    "enable",
    "disabled",
    "required",
    "options",
    "scope",
    "scopes",
    "audience",
    "issuer",
    "region",
    "status",
    "grant_type",
    "key_field",
];

/// Beginnings of settings that mention a secret but do not contain one.
const HARMLESS_STARTS: [&str; 16] = [
    "next", "use", "is", "has", "no", "max", "min", "num", "enable", "disable", "require", "allow", "skip", "validate",
    "verify", "include",
];

/// Endings of settings that contain no secret even if a definition says so. Definitions on the hub do this by mistake
/// for ids of sheets, paths in a response and names of columns.
const NEVER: [&str; 30] = [
    "path",
    "paths",
    "path_override",
    "path_prefix",
    "location",
    "type",
    "policy",
    "region",
    "bucket",
    "profile_name",
    "header_name",
    "token_name",
    "table_name",
    "videos_table_name",
    "property_name",
    "property_names",
    "key_prefix",
    "key_field",
    "key_properties",
    "at_field",
    "id_field",
    "text_key",
    "primary_key",
    "replication_key",
    "sheet_id",
    "spreadsheet_id",
    "property_id",
    "view_id",
    "table_id",
    "dataset_id",
];

/// Tells whether a setting with this name is a secret.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let words = words(name);
    if ends(&words, &SECRET_ENDS) {
        return true;
    }
    let is_harmless = ends(&words, &HARMLESS_ENDS) || begins(&words, &HARMLESS_STARTS);
    !is_harmless && (SECRET.iter().any(|word| holds(&words, word)) || is_compound(&words))
}

/// Tells whether a setting with this name never contains a secret, even if a definition says so.
#[must_use]
pub fn is_never(name: &str) -> bool {
    ends(&words(name), &NEVER)
}

/// Returns the last part of a name in lower case, with words separated by `_`: `auth.apiKey` becomes `api_key`.
fn words(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let mut words = String::with_capacity(last.len() + 4);
    let mut was_small = false;
    for letter in last.chars() {
        if letter.is_ascii_uppercase() && was_small {
            words.push('_');
        }
        was_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        words.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    words
}

fn holds(words: &str, wanted: &str) -> bool {
    words.match_indices(wanted).any(|(at, _)| {
        let (before, after) = (&words[..at], &words[at + wanted.len()..]);
        (before.is_empty() || before.ends_with('_')) && (after.is_empty() || after.starts_with('_'))
    })
}

fn ends(words: &str, table: &[&str]) -> bool {
    let before = |end: &&str| words.strip_suffix(*end).map(|before| before.is_empty() || before.ends_with('_'));
    table.iter().filter_map(before).any(|is_word| is_word)
}

fn begins(words: &str, table: &[&str]) -> bool {
    table.iter().filter_map(|start| words.strip_prefix(*start)).any(|after| after.starts_with('_'))
}

/// Tells whether unseparated words end like a secret: `dbpassword`, `authtoken`.
fn is_compound(words: &str) -> bool {
    let last = words.rsplit('_').next().unwrap_or(words);
    ["password", "passwd", "passphrase", "secret", "token", "apikey", "credentials"]
        .iter()
        .any(|end| last.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_recognized() {
        for secret in [
            "password",
            "db_password",
            "dbpassword",
            "api_token",
            "client_secret",
            "apiKey",
            "private_key",
            "stream_map_config.hash_seed",
            "x-api-key",
            "refresh_token",
            "credentials",
            "Authorization",
            "aws_secret_access_key",
            "credentials_json",
            "sqlalchemy_url",
            "connection_string",
            "mongodb_connection_string",
            "service_account_info",
            "service_account_json_str",
            "auth_app_keys",
            "org_auth_app_keys",
            "user_key",
            "api-auth-signature",
            "oauth_credentials.refresh_proxy_url_auth",
            "slack_webhook_url",
            "PWD",
            "password_prod",
        ] {
            assert!(is_name(secret), "{secret}");
        }
    }

    #[test]
    fn names_that_only_mention_a_secret_are_harmless() {
        for plain in [
            "password_policy",
            "api_key_location",
            "next_page_token_path",
            "sheet_id",
            "property_id",
            "view_id",
            "documentdb_credential_json_extra_options",
            "cloud_provider_type",
            "record_key_property_name",
            "token_header_name",
            "token_url",
            "token_endpoint",
            "token_expiry",
            "max_tokens",
            "primary_key",
            "primary_keys",
            "key_field",
            "cluster_on_key_properties",
            "replication_key",
            "private_key_path",
            "key_properties",
            "auth_method",
            "client_id",
            "password_file",
            "tokenizer",
            "keywords",
            "user",
            "use_token",
            "secretary",
        ] {
            assert!(!is_name(plain), "{plain}");
        }
    }

    #[test]
    fn settings_that_definitions_mark_by_mistake_are_never_secret() {
        for name in
            ["sheet_id", "next_page_token_path", "cloud_provider.cloud_provider_type", "record_key_property_name"]
        {
            assert!(is_never(name), "{name}");
        }
        for name in ["password", "client_id", "account_id", "postgres_url", "key", "sqlalchemy_url"] {
            assert!(!is_never(name), "{name}");
        }
    }

    /// The names of all settings of extractors and loaders on the Meltano hub.
    const HUB: &str = include_str!("../../../../tests/connectors/setting-names.txt");

    #[test]
    fn these_settings_of_the_hub_are_recognized_as_secrets() {
        let taken: Vec<&str> = HUB.lines().filter(|name| is_name(name)).collect();
        insta::with_settings!({ snapshot_path => "../../../../snapshots/secrecy", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("names", taken.join("\n"));
        });
    }

    #[test]
    fn no_name_is_both_secret_and_never_secret() {
        for name in HUB.lines() {
            assert!(!(is_name(name) && is_never(name)), "{name}");
        }
    }
}
