//! The kind of failure, recognized from the messages of a plugin, Meltano, or the system.
//!
//! Separate from the log that finds those messages, so that each rule is tested with lines of real taps. Pure.

use serde::{Deserialize, Serialize};

use crate::connector::Role;

/// The kind of failure. Determines the next step, and whether a retry makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The source or the destination rejects the credentials.
    Credentials,
    /// It cannot be reached, or the connection was lost.
    Network,
    /// It accepts the credentials, but the account lacks a permission.
    Permission,
    /// It allows no more calls for now, or no more than the settings let a run make.
    Quota,
    /// A setting is missing or unusable.
    MissingSetting,
    /// No stream is selected, or no stream has records.
    NothingSelected,
    /// A plugin failed in a way that matches no other cause.
    Crash,
    /// The run took too long.
    Timeout,
    /// A plugin or Meltano is not installed, and could not be installed.
    NotInstalled,
    /// A plugin needs a Python version that is not available.
    NoPython,
    /// No space is left on a disk.
    DiskFull,
    /// A tap wrote something that is not a Singer message.
    Output,
    /// The run was killed, or the machine went down.
    Killed,
    /// Another run of the integration is in progress.
    Busy,
    /// No available key decrypts the secrets.
    Secrets,
    /// The registry rejected a request, or cannot be reached.
    Registry,
    /// The destination has fewer rows than the sent records require.
    LostRecords,
    /// The source does not offer a stream that the files name.
    MissingStream,
    /// Streams arrived that are not selected.
    Unselected,
    /// Discovery failed, so the tap's last catalog was used.
    OldCatalog,
    /// No record arrived, although earlier syncs had some.
    Empty,
    /// Far fewer records of a stream arrived than usual.
    Shrunk,
    /// The source has changed since its contract was last accepted.
    SchemaChanged,
    /// The bookmarks are missing, belong to another project, or cannot be read or stored.
    Bookmark,
}

impl Cause {
    /// All causes, by the registry's words.
    pub const WORDS: [(&'static str, Self); 24] = [
        ("credentials", Self::Credentials),
        ("network", Self::Network),
        ("permission", Self::Permission),
        ("quota", Self::Quota),
        ("missing_setting", Self::MissingSetting),
        ("nothing_selected", Self::NothingSelected),
        ("crash", Self::Crash),
        ("timeout", Self::Timeout),
        ("not_installed", Self::NotInstalled),
        ("no_python", Self::NoPython),
        ("disk_full", Self::DiskFull),
        ("output", Self::Output),
        ("killed", Self::Killed),
        ("busy", Self::Busy),
        ("secrets", Self::Secrets),
        ("registry", Self::Registry),
        ("lost_records", Self::LostRecords),
        ("missing_stream", Self::MissingStream),
        ("unselected", Self::Unselected),
        ("old_catalog", Self::OldCatalog),
        ("empty", Self::Empty),
        ("shrunk", Self::Shrunk),
        ("schema_changed", Self::SchemaChanged),
        ("bookmark", Self::Bookmark),
    ];

    /// Returns the registry's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, cause)| *cause == self).map_or("", |(word, _)| word)
    }

    /// Returns the kind of failure that a plugin's last error indicates.
    ///
    /// Follows the order of [`SIGNS`]: a message about a wrong password often mentions the host too.
    #[must_use]
    pub fn of(reason: &str) -> Self {
        let reason = reason.to_lowercase();
        let says = |signs: &&[&str]| signs.iter().any(|sign| reason.contains(sign));
        SIGNS.iter().find(|(signs, _)| says(signs)).map_or_else(|| by_status(&reason), |(_, cause)| *cause)
    }

    /// Tells whether a retry may succeed with nothing changed.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Network)
    }

    /// Returns the next step if the plugin of this side failed for this reason: extractors and loaders need different permissions.
    #[must_use]
    pub fn help_for(self, side: Option<Role>, reason: &str) -> &'static str {
        match (self, side) {
            // RFC 6749, section 5.2: "invalid, expired, revoked".
            (Self::Credentials, _) if reason.contains("invalid_grant") => {
                "sign in at the source again: the token was revoked, has expired, or was replaced by a newer one; `spile secrets set NAME SETTING` stores the new one"
            }
            (Self::Permission, Some(Role::Loader)) => {
                "give the account of the loader the right to write there: to its schema, its tables or its folder"
            }
            (Self::Network, Some(Role::Loader)) => {
                "check the address of the loader and that this machine reaches it; `spile sync` tries again by itself"
            }
            _ => self.help(),
        }
    }

    /// Returns the next step, in the imperative.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Credentials => "check the user and the secrets; `spile secrets set NAME SETTING` replaces one",
            Self::Network => {
                "check the address, and that this machine can reach it; `spile sync` retries automatically"
            }
            Self::Permission => "grant the account access to what is selected, or select less",
            Self::Quota => {
                "wait until the source allows more calls, or change the limit in the settings; fewer streams and fewer syncs use fewer calls"
            }
            Self::MissingSetting => "add or fix the setting; `spile check` reports what is required",
            Self::NothingSelected => "check `select`; `spile discover NAME` shows what the source offers",
            Self::Crash => "read the whole log: `spile logs NAME`",
            Self::Timeout => "allow more time with `--timeout`, or select less",
            Self::NotInstalled => {
                "check the connector's `pip_url` or its lock, and that this machine can reach the package index"
            }
            Self::NoPython => "install the Python version that `python` of the connector asks for, or change it there",
            Self::DiskFull => "free up space where the loader writes; confirmed records are not read again",
            Self::Output => "the tap writes something other than records to its standard output: try another version",
            Self::Killed => "check whether the machine has enough memory, or what stopped the run",
            Self::Busy => "wait until it has finished: `spile runs NAME` shows it",
            Self::Secrets => "provide the key; `spile doctor` shows where spile looks for keys",
            Self::Registry => "check the registry with `spile doctor`",
            Self::LostRecords => {
                "check the log for what the loader reported about them, then read everything again with `spile sync NAME --full-refresh`"
            }
            Self::MissingStream => {
                "fix `select` and `metadata`; `spile discover NAME --refresh` shows what the source offers"
            }
            Self::Unselected => {
                "the tap ignores `select`: remove it, or add the capability that the tap has to the connector"
            }
            Self::OldCatalog => "run `spile discover NAME --refresh` to see why discovery fails",
            Self::Empty => "check with `spile test NAME` that the settings still point to the records",
            Self::Shrunk => "compare with the source; `spile runs NAME` shows earlier record counts",
            Self::SchemaChanged => {
                "review the changes with `spile discover NAME --changes`, and accept them with `spile discover NAME --accept`"
            }
            Self::Bookmark => {
                "check where bookmarks are stored (`state_backend` in `spile.toml`); `spile sync NAME --full-refresh` does not need one"
            }
        }
    }
}

/// Signs of failures in messages, in lowercase, most reliable first.
const SIGNS: [(&[&str], Cause); 13] = [
    (&["no space left on device", "disk quota exceeded", "errno 28", "disk is full", "disk full"], Cause::DiskFull),
    (
        &["no record or batch message received", "no streams selected", "no stream is selected", "nothing selected"],
        Cause::NothingSelected,
    ),
    (&["no interpreter found", "failed to find interpreter"], Cause::NoPython),
    (
        &["could not be found. ", "may not have been installed", "no such file or directory: 'tap", "is not installed"],
        Cause::NotInstalled,
    ),
    // Before permissions: Salesforce and GitHub answer 403, "Forbidden", when the calls of a day or an hour are used up.
    (
        &["request_limit_exceeded", "exceededquota", "total quota", "allotted quota", "api rate limit exceeded"],
        Cause::Quota,
    ),
    // Salesforce's codes for a column or an object that does not exist, or that the user may not see.
    (&["\"invalid_field\"", "\"invalid_type\""], Cause::MissingStream),
    (
        &[
            "permission denied",
            "not authorized to access",
            "insufficient privilege",
            "insufficient_access",
            "must be owner of",
            "access denied for table",
            "forbidden",
            "insufficient permission",
            "command denied to user",
        ],
        Cause::Permission,
    ),
    (
        &[
            "authentication failed",
            "password authentication",
            "access denied for user",
            "invalid_grant",
            "invalid grant",
            "unauthorized",
            "invalid credentials",
            "bad credentials",
            "invalid login",
            "invalid api key",
            "invalid_client",
            "token has expired",
            "token is expired",
            "expired token",
            "expired access",
            "role \"",
            "no pg_hba.conf entry",
            "authentication required",
            "not authenticated",
        ],
        Cause::Credentials,
    ),
    (
        &[
            "connection refused",
            "could not translate host name",
            "name or service not known",
            "temporary failure in name resolution",
            "failed to resolve",
            "nodename nor servname",
            "network is unreachable",
            "no route to host",
            "connection reset",
            "connection aborted",
            "connection timed out",
            "remote end closed",
            "remotedisconnected",
            "max retries exceeded",
            "broken connection",
            "could not connect to",
            "server closed the connection",
            "socket was closed",
            "connect timeout",
            "read timed out",
            "ssl: ",
            "certificate verify failed",
            "too many requests",
        ],
        Cause::Network,
    ),
    (
        &[
            "is a required property",
            "required config",
            "missing required",
            "config is missing",
            "missing config",
            "config validation failed",
            "required key",
            "invalid config",
            "must be set",
            "is required",
        ],
        Cause::MissingSetting,
    ),
    (
        &[
            "unable to parse",
            "jsondecodeerror",
            "expecting value",
            "could not parse",
            "is not valid json",
            "not a valid json",
        ],
        Cause::Output,
    ),
    (&["timed out", "timeout"], Cause::Network),
    (&["killed", "signal 9", "out of memory", "memoryerror", "cannot allocate memory"], Cause::Killed),
];

/// Recognizes a failure by an HTTP status that is marked as one: `401 Client Error`, `HTTP 503`, `status code: 429`.
fn by_status(reason: &str) -> Cause {
    let words: Vec<&str> = reason.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_named = |at: usize| {
        let near = |word: Option<&&str>| {
            word.is_some_and(|word| matches!(*word, "http" | "status" | "code" | "error" | "client" | "server"))
        };
        near(at.checked_sub(1).and_then(|before| words.get(before))) || near(words.get(at + 1))
    };
    let statuses = words.iter().enumerate().filter(|(at, _)| is_named(*at));
    let causes = statuses.filter_map(|(_, word)| match *word {
        "401" | "407" => Some(Cause::Credentials),
        "403" => Some(Cause::Permission),
        "408" | "429" | "500" | "502" | "503" | "504" => Some(Cause::Network),
        _ => None,
    });
    causes.min().unwrap_or(Cause::Crash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_real_taps_are_recognized() {
        for (reason, cause) in [
            ("FATAL:  password authentication failed for user \"demo\"", Cause::Credentials),
            ("connection to server at \"127.0.0.1\", port 1 failed: Connection refused", Cause::Network),
            ("permission denied for table orders", Cause::Permission),
            (
                r#"403 Client Error: Forbidden for url: https://x.my.salesforce.com/services/data/v61.0/limits Response: [{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}], (Stream: Account)"#,
                Cause::Quota,
            ),
            (
                "Salesforce has reported 15000/15000 (100.00%) total REST quota used across all Salesforce Applications. Terminating replication to not continue past configured percentage of 80.0% total quota.",
                Cause::Quota,
            ),
            (
                "403 Client Error: b'{\"message\":\"API rate limit exceeded for user ID 1.\"}' (Reason: rate limit exceeded)",
                Cause::Quota,
            ),
            (
                r#"400 Client Error: Bad Request for url: https://x Response: [{"errorCode":"INVALID_FIELD"}], (Stream: Account)"#,
                Cause::MissingStream,
            ),
            ("could not translate host name \"nope.invalid\" to address: Name or service not known", Cause::Network),
            (
                "No RECORD or BATCH message received. Verify that at least one stream is selected",
                Cause::NothingSelected,
            ),
            ("Executable 'tap-x' could not be found. It may not have been installed yet", Cause::NotInstalled),
            (
                "RuntimeError: failed to find interpreter for Builtin discover of python_spec='python3.9'",
                Cause::NoPython,
            ),
            ("401 Client Error: Unauthorized for path: /things", Cause::Credentials),
            ("403 Client Error: Forbidden for path: /things", Cause::Permission),
            ("503 Server Error: Service Unavailable for path: /things", Cause::Network),
            ("'api_url' is a required property", Cause::MissingSetting),
            ("[Errno 28] No space left on device", Cause::DiskFull),
            ("KeyError: 'id'", Cause::Crash),
            ("Extra data: line 401 column 5", Cause::Crash),
            ("Unable to parse: hello", Cause::Output),
            ("the API answered HTTP 401", Cause::Credentials),
            ("407 Client Error for path: /things", Cause::Credentials),
            ("unexpected status code: 403", Cause::Permission),
            ("status 429, and then error 403", Cause::Network),
            ("server error 500", Cause::Network),
        ] {
            assert_eq!(Cause::of(reason), cause, "{reason}");
        }
    }

    #[test]
    fn every_cause_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Cause::WORDS.iter().map(|(word, cause)| (*word, *cause)).collect();
        assert_eq!(words.len(), Cause::WORDS.len());
        for (word, cause) in Cause::WORDS {
            assert_eq!((cause.word(), serde_json::json!(cause)), (word, serde_json::json!(word)));
            assert!(!cause.help().is_empty());
        }
    }

    #[test]
    fn every_cause_has_a_next_step_of_its_own_with_what_to_type_for_it() {
        let steps: std::collections::BTreeSet<_> = Cause::WORDS.iter().map(|(_, cause)| cause.help()).collect();
        assert_eq!(steps.len(), Cause::WORDS.len());
        for (cause, typed) in [
            (Cause::Credentials, "`spile secrets set NAME SETTING`"),
            (Cause::NothingSelected, "`spile discover NAME`"),
            (Cause::Crash, "`spile logs NAME`"),
            (Cause::Timeout, "`--timeout`"),
            (Cause::Busy, "`spile runs NAME`"),
        ] {
            assert!(cause.help().contains(typed), "{cause:?}: {}", cause.help());
        }
    }

    #[test]
    fn only_network_failures_may_pass() {
        let passing = Cause::WORDS.into_iter().map(|(_, cause)| cause).filter(|cause| cause.may_pass());
        assert_eq!(passing.collect::<Vec<_>>(), [Cause::Network]);
    }
}
