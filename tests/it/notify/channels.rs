//! Slack and webhooks: what arrives, and what happens if it does not.

use std::fmt::Debug;
use std::io::Write;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use miette::Diagnostic;
use spile_core::problem::Problems;
use spile_core::settings::{Allowed, Sender, Variables};
use spile_core::source::{Placed, Source};
use spile_world::net::notify::{NotSent, Parcel, Patience};
use spile_world::{Agreements, Notifier, Outside};
use uuid::Uuid;

use super::receiver::{Answer, Receiver};

const SECRET: &str = "canary-Hk83-hook";

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "SPILE_HOOK_SECRET" => SECRET,
        "SPILE_INSECURE" => "http://hooks.example/canary-Hk83",
        "SPILE_PASTED" => "canary-Hk83",
        "SPILE_PASSWORD" => "canary-Pw19",
        "SPILE_OTHER_PASSWORD" => "canary-Pw20",
        "AWS_SECRET_ACCESS_KEY" => "https://canary-Hk83.example",
        _ => return None,
    };
    Some(value.to_owned())
}

pub fn placed<T: FromStr<Err: Debug>>(text: &str) -> Placed<T> {
    Placed { value: text.parse().unwrap(), place: Source::new("spile.toml", "").start() }
}

pub fn parcel(text: &str) -> Parcel {
    Parcel { id: Uuid::from_u128(7), at: Timestamp::from_second(1_700_000_000).unwrap(), text: text.to_owned() }
}

/// A notifier with short waits.
pub fn notifier() -> Notifier {
    trusting("127.0.0.1:9")
}

/// The same, which may send passwords to a host.
pub fn trusting(host: &str) -> Notifier {
    let waits = vec![Duration::from_millis(10), Duration::from_millis(20)];
    let patience = Patience { each: Duration::from_millis(500), waits, longest_wait: Duration::from_secs(2) };
    let agreements = Agreements::default().trusting(&[host.parse().unwrap()], None, &mut Problems::default());
    let variables = Variables::new(variable, Allowed::default());
    let outside = Outside { variables, agreements: agreements.into(), ..Outside::nothing() };
    Notifier::new(&outside).with_patience(patience)
}

fn slack(url: &str) -> Sender {
    Sender::Slack { url: placed(url) }
}

fn signed(url: &str) -> Sender {
    Sender::Webhook { url: placed(url), secret: Some(placed("SPILE_HOOK_SECRET")) }
}

fn code(error: &NotSent) -> String {
    error.code().unwrap().to_string()
}

#[tokio::test]
async fn slack_gets_a_text() {
    let receiver = Receiver::start();
    let answer = notifier().send(&slack(&format!("{}/T0/B0", receiver.url)), &parcel("*shop* failed")).await.unwrap();
    assert_eq!(answer, "status 200");
    let [came] = &receiver.take()[..] else { panic!("one") };
    assert_eq!((came.path.as_str(), came.headers["content-type"].as_str()), ("/T0/B0", "application/json"));
    assert_eq!(came.json(), serde_json::json!({ "text": "*shop* failed", "unfurl_links": false }));
}

/// Verifies with the function from the documentation, which uses Python's own HMAC.
fn is_verified(body: &str, timestamp: &str, signature: &str) -> bool {
    let documented = include_str!("../../../docs/notifications.md");
    let function = documented.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let script = format!(
        "{function}\nimport os, sys\n\
         headers = {{'X-Spile-Timestamp': os.environ['TIMESTAMP'], 'X-Spile-Signature': os.environ['SIGNATURE']}}\n\
         sys.exit(0 if is_from_spile(os.environ['SECRET'].encode(), headers, sys.stdin.buffer.read()) else 3)"
    );
    let mut python = Command::new("python3");
    python.args(["-c", &script]).env("SECRET", SECRET).env("TIMESTAMP", timestamp).env("SIGNATURE", signature);
    let mut child = python.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    code == Some(0)
}

#[tokio::test]
async fn a_webhook_is_signed_so_that_others_can_verify_it() {
    let receiver = Receiver::start();
    let body = "{\"title\": \"é \\\"x\\\"\"}";
    let now = Timestamp::now();
    let later = (now.as_second() + 1).to_string();
    notifier().send(&signed(&receiver.url), &Parcel { at: now, ..parcel(body) }).await.unwrap();
    let [came] = &receiver.take()[..] else { panic!("one") };
    let (timestamp, signature) = (&came.headers["x-spile-timestamp"], &came.headers["x-spile-signature"]);
    assert_eq!((came.body.as_str(), timestamp), (body, &now.as_second().to_string()));
    assert_eq!(came.headers["x-spile-delivery"], Uuid::from_u128(7).to_string());
    assert!(is_verified(&came.body, timestamp, signature));
    assert!(!is_verified(&came.body, &later, signature), "the time is signed too");
    assert!(!is_verified("{}", timestamp, signature));
    // An old request cannot be replayed later.
    notifier().send(&signed(&receiver.url), &parcel(body)).await.unwrap();
    let [old] = &receiver.take()[..] else { panic!("one") };
    assert!(!is_verified(&old.body, &old.headers["x-spile-timestamp"], &old.headers["x-spile-signature"]));
}

#[tokio::test]
async fn temporary_failures_are_retried_with_the_same_id() {
    let receiver = Receiver::start();
    for trouble in [
        Answer::Says(500, "", ""),
        Answer::Says(503, "retry-after: 0\r\n", ""),
        Answer::Says(429, "retry-after: 1\r\n", ""),
        Answer::Cut,
        Answer::Late(Duration::from_secs(5)),
    ] {
        receiver.answers(&[trouble], Answer::OK);
        let begun = Instant::now();
        notifier().send(&signed(&receiver.url), &parcel("{}")).await.unwrap();
        let came = receiver.take();
        assert_eq!(came.len(), 2, "{trouble:?}");
        assert_eq!(came[0].headers["x-spile-delivery"], came[1].headers["x-spile-delivery"]);
        let asked_to_wait = matches!(trouble, Answer::Says(429, ..));
        assert_eq!(begun.elapsed() >= Duration::from_secs(1), asked_to_wait, "{trouble:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn failed_deliveries_are_told_apart() {
    let receiver = Receiver::start();
    for (answer, wanted, tries) in [
        (Answer::Says(500, "", "secret page"), "spile::notify::unavailable", 3),
        (Answer::Says(429, "", ""), "spile::notify::busy", 3),
        (Answer::Says(429, "retry-after: 3600\r\n", ""), "spile::notify::busy", 1),
        (Answer::Says(404, "", "no_service"), "spile::notify::refused", 1),
        (Answer::Says(400, "", "<p>canary-Hk83-hook</p>"), "spile::notify::refused", 1),
        (Answer::Late(Duration::from_secs(5)), "spile::notify::timeout", 3),
        (Answer::Cut, "spile::notify::unreached", 3),
    ] {
        receiver.answers(&[], answer);
        let error = notifier().send(&slack(&receiver.url), &parcel("x")).await.unwrap_err();
        assert_eq!((code(&error).as_str(), receiver.take().len()), (wanted, tries), "{answer:?}: {error}");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    }
    receiver.answers(&[], Answer::Says(404, "", "no_service"));
    let error = notifier().send(&slack(&receiver.url), &parcel("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "it rejected the message: status 404, `no_service`");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (receiver, elsewhere) = (Receiver::start(), Receiver::start());
    let location: &'static str = format!("location: {}/stolen\r\n", elsewhere.url).leak();
    for status in [301, 307] {
        receiver.answers(&[], Answer::Says(status, location, ""));
        let error = notifier().send(&signed(&receiver.url), &parcel("{}")).await.unwrap_err();
        assert_eq!(code(&error), "spile::notify::redirected");
    }
    assert!(elsewhere.take().is_empty());
}

#[tokio::test]
async fn no_error_names_the_address() {
    let nobody = "http://127.0.0.1:9/services/canary-Hk83-path";
    let error = notifier().send(&slack(nobody), &parcel("x")).await.unwrap_err();
    let mut told = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        told = format!("{told} {next} {next:?}");
        cause = next.source();
    }
    assert_eq!(code(&error), "spile::notify::unreached");
    assert!(!told.contains("canary-Hk83"), "{told}");
    let error = notifier().send(&slack("canary-Hk83"), &parcel("x")).await.unwrap_err();
    assert_eq!(code(&error), "spile::notify::value");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    let error = notifier().send(&slack("${SPILE_NOBODY_SET}"), &parcel("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "the environment variable `SPILE_NOBODY_SET` is not set");
}

#[tokio::test]
async fn an_address_from_a_variable_is_encrypted_and_from_one_that_is_allowed() {
    for (variable, wanted) in [
        ("${SPILE_INSECURE}", "spile::notify::value"),
        ("${SPILE_PASTED}", "spile::notify::value"),
        ("${AWS_SECRET_ACCESS_KEY}", "spile::notify::variable_not_allowed"),
    ] {
        let error = notifier().send(&slack(variable), &parcel("x")).await.unwrap_err();
        assert_eq!(code(&error), wanted, "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
