//! Lines from real runs of Meltano 4.4.1; only their paths and times are changed.

use serde_json::json;

use super::*;

fn tally(log: &str) -> Tally {
    let mut tally = Tally::default();
    for line in log.lines() {
        tally.add(LogLine::parse(line));
    }
    tally
}

fn reason(log: &str) -> String {
    tally(log).reason().unwrap_or_default()
}

const TARGET_METRIC: &str = r#"{"stdio": "stderr", "consumer": true, "producer": false, "string_id": "target-postgres", "name": "target-postgres", "event": "METRIC: {\"type\": \"counter\", \"metric\": \"record_count\", \"value\": 50, \"tags\": {\"stream\": \"public-orders\", \"pid\": 7}}", "level": "info"}"#;
const TAP_METRIC: &str = r#"{"stdio": "stderr", "consumer": false, "producer": true, "string_id": "tap-tiny", "cmd_type": "elb", "name": "tap-tiny", "event": "INFO METRIC: {\"type\": \"counter\", \"metric\": \"record_count\", \"value\": 3, \"tags\": {\"stream\": \"rows\"}}", "level": "info"}"#;
const STRUCTURED: &str = r#"{"consumer": false, "producer": true, "string_id": "tap-postgres", "event": "METRIC", "metric_info": {"type": "counter", "metric": "record_count", "value": 9, "tags": {"stream": "public-orders"}}, "level": "info"}"#;
const COUNTED: &str = r#"{"event": "Records so far", "level": "info", "spile_records": {"products": 2}}"#;
const BLOCK: &str = r#"{"set_number": 0, "block_type": "ExtractLoadBlocks", "success": true, "err": null, "duration_seconds": 3.683, "event": "Block run completed", "level": "info"}"#;
const RUN: &str = r#"{"duration_seconds": 3.683, "status": "success", "event": "Run completed", "level": "info"}"#;

#[test]
fn metrics_are_read_in_every_form() {
    let metric = |line, speaker, stream: &str, records| {
        assert_eq!(LogLine::parse(line), LogLine::Metric { speaker, stream: stream.to_owned(), records });
    };
    metric(TAP_METRIC, Speaker::Tap, "rows", 3);
    metric(TARGET_METRIC, Speaker::Target, "public-orders", 50);
    metric(STRUCTURED, Speaker::Tap, "public-orders", 9);
}

#[test]
fn the_count_of_launch_comes_before_the_taps_and_the_taps_before_the_targets() {
    let target = format!("{TARGET_METRIC}\n{TARGET_METRIC}");
    assert_eq!(tally(&target).streams(), [("public-orders".to_owned(), 100)].into());
    let both = format!("{target}\n{TAP_METRIC}\n{TAP_METRIC}");
    assert_eq!(tally(&both).streams(), [("rows".to_owned(), 6)].into());
    let all = format!("{both}\n{COUNTED}");
    assert_eq!(tally(&all).streams(), [("products".to_owned(), 2)].into());
}

#[test]
fn a_successful_run_has_no_reason() {
    let tally = tally(&format!("{TAP_METRIC}\n{BLOCK}\n{RUN}"));
    assert_eq!((tally.succeeded(), tally.reason()), (Some(true), None));
}

#[test]
fn a_wrong_password_is_reported_in_the_words_of_postgres() {
    let expected = "connection to server at \"127.0.0.1\", port 55432 failed: \
                    FATAL:  password authentication failed for user \"demo\"";
    assert_eq!(reason(include_str!("captured/wrong-password.log")), expected);
    assert_eq!(reason(include_str!("captured/test-wrong-password.log")), expected);
}

#[test]
fn the_last_exception_of_a_chain_is_the_reason() {
    assert_eq!(reason(include_str!("captured/chained-exception.log")), "ValueError: account is not known");
    assert_eq!(reason(include_str!("captured/discovery.log")), "RuntimeError: the source said no");
}

#[test]
fn a_critical_line_of_a_tap_is_the_reason() {
    assert_eq!(reason(include_str!("captured/critical.log")), "login failed for user");
    assert_eq!(reason(include_str!("captured/test.log")), "login failed for user");
}

#[test]
fn a_target_that_fails_is_asked_for_its_own_reason() {
    let log = tally(include_str!("captured/target.log"));
    let expected = "the loader failed: FileNotFoundError: [Errno 2] No such file or directory: '/proc/nope'";
    assert_eq!((log.reason().as_deref(), log.failed()), (Some(expected), Some(Role::Loader)));
    assert_eq!(tally(include_str!("captured/critical.log")).failed(), Some(Role::Extractor));
}

#[test]
fn a_line_that_is_not_a_singer_message_is_quoted_if_it_made_the_loader_fail() {
    let ended = |said: &str| {
        let log = [
            json!({"event": "x", "spile_not_singer": "Welcome to this tap!\n"}),
            json!({"event": "x", "spile_not_singer": "and to its second line"}),
            json!({"event": said, "consumer": true, "level": "info"}),
            json!({"event": "Block run completed", "success": false, "exit_codes": {"loaders": 1}, "level": "error"}),
        ];
        tally(&log.map(|line| line.to_string()).join("\n"))
    };
    let log = ended("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)");
    let reason = log.reason().unwrap();
    assert!(
        reason.starts_with("the extractor wrote a line that is not a Singer message, `Welcome to this tap!`: "),
        "{reason}"
    );
    assert_eq!((log.cause(), log.failed()), (Cause::Output, Some(Role::Extractor)));
    let log = ended("ERROR permission denied for table orders");
    assert_eq!(log.reason().unwrap(), "the loader failed: permission denied for table orders");
    assert_eq!((log.cause(), log.failed()), (Cause::Permission, Some(Role::Loader)));
}

#[test]
fn a_plugin_that_says_nothing_is_named_with_its_exit_code() {
    let expected = "the extractor exited with code 7 without an error message";
    assert_eq!(reason(include_str!("captured/silent.log")), expected);
}

#[test]
fn a_lock_says_when_the_other_run_began() {
    let expected = "another run of it has been in progress since 2026-11-23 03:49:51.133343+00:00; ";
    assert!(reason(include_str!("captured/locked.log")).starts_with(expected));
}

#[test]
fn what_meltano_prints_outside_its_log_is_read_too() {
    assert_eq!(reason("Error: Block tap-nope not found"), "Block tap-nope not found");
    let usage = "Usage: meltano run [OPTIONS] [BLOCKS]...\nTry 'meltano run --help' for help.\n\nError: Invalid value for '--run-id': 'abc' is not a valid UUID.";
    assert_eq!(reason(usage), "Invalid value for '--run-id': 'abc' is not a valid UUID.");
}

#[test]
fn the_first_line_of_an_error_of_meltano_says_what_is_wrong() {
    let line = r#"{"event": "mapping values are not allowed here\n  in \"meltano.yml\", line 69, column 9", "level": "error"}"#;
    assert_eq!(reason(line), "mapping values are not allowed here");
}

#[test]
fn a_test_without_a_record_says_so() {
    let line = r#"{"event": "Plugin configuration is invalid\nNo RECORD or BATCH message received. Verify that at least one stream is selected using 'meltano select tap-tiny --list'.\nRun 'meltano config list tap-tiny' to review the plugin settings.", "level": "error"}"#;
    let expected = "No RECORD or BATCH message received. Verify that at least one stream is selected";
    assert_eq!(reason(line), expected);
}

#[test]
fn lines_of_loggers_are_reasons_without_their_marks() {
    for (line, expected) in [
        ("CRITICAL boom mid stream", "boom mid stream"),
        ("ERROR:root:no such account", "no such account"),
        ("2026-01-01 10:00:00,000 | ERROR    | tap-x.stream | no such account", "no such account"),
        ("[ERROR] no such account", "no such account"),
        ("requests.exceptions.HTTPError: 401 Client Error", "requests.exceptions.HTTPError: 401 Client Error"),
    ] {
        assert_eq!(reason(line), expected, "{line}");
    }
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let line = format!("CRITICAL {}", "é".repeat(1000));
    assert_eq!(reason(&line).chars().count(), 401);
}

#[test]
fn no_line_is_too_odd_to_be_read() {
    for line in
        ["", "{", "null", "[]", "{\"event\": 3}", "{\"event\": \"METRIC: {\"}", "Traceback (most recent call last):"]
    {
        Tally::default().add(LogLine::parse(line));
    }
}

#[test]
fn the_exception_of_a_discovery_is_found_although_its_traceback_is_not_indented() {
    let lines = [
        "Traceback (most recent call last):",
        "File \"/venv/lib/sqlalchemy/engine/base.py\", line 144, in __init__",
        "self._dbapi_connection = engine.raw_connection()",
        "^^^^^^^^^^^^^^^^^^^^^^^",
        "File \"/venv/bin/tap-postgres\", line 10, in <module>",
        "sys.exit(TapPostgres.cli())",
        "^^^^^^^^^^^^^^^^^^^^^^",
        "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server failed: Connection refused",
        "Is the server running on that host and accepting TCP/IP connections?",
        "(Background on this error at: https://sqlalche.me/e/20/e3q8)",
    ];
    let log: Vec<String> = lines
        .iter()
        .map(|line| serde_json::json!({ "event": line, "type": "discovery", "level": "info" }).to_string())
        .collect();
    assert_eq!(reason(&log.join("\n")), "connection to server failed: Connection refused");
}

/// The first lines of a plugin that is started alone, as `meltano invoke` logs them.
const BANNER: &str = r#"{"event": "Meltano 4.4.1, Python 3.11.7, Linux (x86_64)", "level": "info", "_logger": "<_FixedFindCallerLogger meltano.cli.cli (INFO)>"}
{"event": "Using logging configuration from /p/logging.yml", "level": "info", "_logger": "<_FixedFindCallerLogger meltano.core.logging.utils (INFO)>"}
{"event": "Environment 'dev' is active", "level": "info", "_logger": "<_FixedFindCallerLogger meltano.core.project (INFO)>"}"#;

#[test]
fn a_plugin_that_is_started_alone_is_recognized_by_its_logger() {
    let line = |plugins: &str| {
        format!(
            r#"{{"stdio": "stderr", "cmd_type": "command", "event": "no route", "level": "info", "_logger": "<_FixedFindCallerLogger meltano.plugin.stderr.{plugins}.x--y (INFO)>"}}"#
        )
    };
    let said = |speaker| LogLine::Said { speaker, level: Level::Info, text: "no route".to_owned() };
    assert_eq!(LogLine::parse(&line("extractors")), said(Speaker::Tap));
    assert_eq!(LogLine::parse(&line("loaders")), said(Speaker::Target));
    assert_eq!(reason(&format!("{}\n{BANNER}", line("loaders"))), "no route");
}

#[test]
fn the_banner_of_meltano_is_not_a_reason() {
    assert_eq!(tally(BANNER).reason(), None);
}

#[test]
fn the_bookmarks_are_the_first_reported_and_the_last_stored() {
    let told = |key: &str, id: u64| format!(r#"{{"event": "Bookmark", "level": "info", "{key}": {{"orders": {id}}}}}"#);
    let began = told("spile_bookmark_before", 1);
    let (before, after) = (json!({"orders": 1}), json!({"orders": 3}));
    assert_eq!(tally(RUN).bookmarks(), (None, None));
    assert_eq!(tally(&began).bookmarks(), (Some(&before), None));
    let kept = [2, 3].map(|id| told("spile_bookmark_after", id)).join("\n");
    assert_eq!(tally(&kept).bookmarks(), (None, Some(&after)));
    assert_eq!(tally(&format!("{began}\n{kept}")).bookmarks(), (Some(&before), Some(&after)));
}

/// The result of a log that ends with these exit codes, after the extractor has given a reason.
fn ended(codes: &[(Speaker, i64)]) -> (Cause, String) {
    let mut tally = Tally::default();
    let text = "CRITICAL permission denied for table orders".to_owned();
    tally.add(LogLine::Said { speaker: Speaker::Tap, level: Level::Info, text });
    tally.add(LogLine::BlockEnded(Some(Failure::Plugins(codes.iter().copied().collect()))));
    (tally.cause(), tally.reason().unwrap())
}

#[test]
fn a_plugin_was_killed_if_its_signal_does_not_come_from_another_plugin() {
    for (codes, told) in [
        (&[(Speaker::Target, -9)][..], "the loader was killed (signal 9): it may have run out of memory"),
        (&[(Speaker::Tap, -11), (Speaker::Target, -15)], "the extractor was killed (signal 11)"),
        (&[(Speaker::Tap, -13), (Speaker::Target, -6)], "the loader was killed (signal 6)"),
        (&[(Speaker::Tap, 0), (Speaker::Target, -11)], "the loader was killed (signal 11)"),
    ] {
        assert_eq!(ended(codes), (Cause::Killed, told.to_owned()), "{codes:?}");
    }
    for codes in [&[(Speaker::Tap, 1)][..], &[(Speaker::Tap, 1), (Speaker::Target, -9)], &[(Speaker::Tap, -15)]] {
        assert_eq!(ended(codes), (Cause::Permission, "permission denied for table orders".to_owned()), "{codes:?}");
    }
}

#[test]
fn only_record_counters_at_the_start_of_a_line_count() {
    let line = |before: &str, r#type: &str, metric: &str| {
        let metric = json!({"type": r#type, "metric": metric, "value": 3, "tags": {"stream": "rows"}});
        json!({"event": format!("{before}METRIC: {metric}"), "level": "info", "producer": true}).to_string()
    };
    assert_eq!(tally(&line("INFO ", "counter", "record_count")).streams(), [("rows".to_owned(), 3)].into());
    let quoted = "the line is too long: ".repeat(10);
    for (before, r#type, metric) in [
        ("INFO ", "counter", "http_request_count"),
        ("INFO ", "timer", "record_count"),
        (quoted.as_str(), "counter", "record_count"),
    ] {
        let line = line(before, r#type, metric);
        assert_eq!(tally(&line).streams(), BTreeMap::new(), "{line}");
    }
}

#[test]
fn a_run_succeeded_only_if_meltano_says_so() {
    assert_eq!(tally(BLOCK).succeeded(), None);
    assert_eq!(tally(RUN).succeeded(), Some(true));
    assert_eq!(tally(&RUN.replace("success", "failure")).succeeded(), Some(false));
}

#[test]
fn a_word_that_only_looks_like_a_mark_is_not_one() {
    for line in [
        "ERROR_LOG is empty",
        "ERRORS were not expected",
        "LAST_ERROR is not known",
        "it went on for as long as it could, until the source answered with an ERROR of its own",
    ] {
        assert_eq!(reason(line), line);
    }
    assert_eq!(reason("ERROR: no such host: db"), "no such host: db");
}

#[test]
fn a_harmless_last_line_is_not_a_reason() {
    let lines = ["INFO all is closed", "DEBUG bye", "WARNING this was slow", "Meltano 4.4.1, Python 3.11.7, Linux"];
    for line in lines {
        assert_eq!(reason(&format!("the file is not there\n{line}")), "the file is not there", "{line}");
        assert_eq!(tally(line).reason(), None, "{line}");
    }
    for line in ["Meltano Hub is not reached", "tap-x needs a newer runtime, Python 3.12 at least"] {
        assert_eq!(reason(line), line);
    }
}

/// A traceback as Python prints it, with or without the line of code of its only place.
fn traceback(code: &str, exception: &str) -> String {
    let code = if code.is_empty() { String::new() } else { format!("{code}\n") };
    format!("Traceback (most recent call last):\n  File \"/p/tap.py\", line 1, in main\n{code}{exception}")
}

#[test]
fn an_exception_is_quoted_without_its_module_and_the_class_that_it_wraps() {
    for (exception, said) in [
        ("psycopg2.OperationalError: no route", "no route"),
        ("sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) no route", "no route"),
        ("requests.exceptions.HTTPError: (404) no such page", "(404) no such page"),
        ("tap.ApiError: (see the manual) no such page", "(see the manual) no such page"),
        ("tap.ApiError: (see docs.example.com first) no such page", "(see docs.example.com first) no such page"),
        ("requests.exceptions.ConnectTimeout: no answer", "no answer"),
        ("KeyError: 'id'", "KeyError: 'id'"),
    ] {
        assert_eq!(reason(&traceback("    main()", exception)), said, "{exception}");
    }
}

#[test]
fn a_slip_in_the_handler_of_an_exception_does_not_hide_it() {
    let broke = traceback("    main()", "requests.exceptions.ConnectionError: the connection broke");
    let during = "During handling of the above exception, another exception occurred:";
    let slip = traceback("    main()", "AttributeError: 'NoneType' object has no attribute 'text'");
    assert_eq!(reason(&format!("{broke}\n\n{during}\n\n{slip}")), "the connection broke");
    let told = traceback("    main()", "tap.ApiError: the account is closed");
    assert_eq!(reason(&format!("{broke}\n\n{during}\n\n{told}")), "the account is closed");
    assert_eq!(reason(&slip), "AttributeError: 'NoneType' object has no attribute 'text'");
}

#[test]
fn the_queries_of_addresses_are_left_out() {
    let query = "q=SELECT+Id%2CName+FROM+Account+WHERE+x";
    let line = format!(
        "400 Client Error: Bad Request for url: https://x.example.com/queryAll?{query} Response: no such column"
    );
    let said = "400 Client Error: Bad Request for url: https://x.example.com/queryAll?… Response: no such column";
    assert_eq!(reason(&line), said);
    assert_eq!(reason("is https://x.example.com/?a=1 right?"), "is https://x.example.com/?a=1 right?");
}

#[test]
fn code_is_distinguished_from_an_exception_without_indents() {
    assert_eq!(reason(&traceback("", "ValueError: no such account")), "ValueError: no such account");
    assert_eq!(reason(&traceback("", "tap.api_v2.ApiException: no such account")), "no such account");
    assert_eq!(reason(&traceback("raise ValueError", "ValueError: no such account")), "ValueError: no such account");
}

#[test]
fn a_traceback_continues_until_its_exception_or_the_end_of_meltanos_error() {
    let printed = traceback("    main()", "tap.ApiError: no such account");
    assert_eq!(reason(&printed), "no such account");
    let logged =
        |producer: bool, event: &str| json!({"event": event, "level": "error", "producer": producer}).to_string();
    let lines: Vec<String> = printed.lines().map(|line| logged(true, line)).collect();
    assert_eq!(reason(&lines.join("\n")), "no such account");
    let cut = printed.rsplit_once('\n').unwrap().0;
    let next = "No stream is selected. Verify it using 'meltano select tap-x --list'";
    let lines = [logged(false, cut), logged(false, next)].join("\n");
    assert_eq!(reason(&lines), "No stream is selected. Verify it");
}
