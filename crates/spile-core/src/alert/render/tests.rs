use super::*;
use crate::alert::message::Frame;
use crate::alert::tests::{alert, at};
use crate::alert::{Alert, Policy, Seen, Told, due};
use crate::settings::AlertKind;

/// The message about a failure with this error, and with this many more alerts.
fn message(error: &str, more: u128) -> Message {
    let failure = Alert {
        sentence: error.to_owned(),
        help: Some("look at it".to_owned()),
        file: Some("integrations/shop-1.toml".into()),
        command: Some("spile logs shop-1".to_owned()),
        ..alert(AlertKind::Failure, 1, 0)
    };
    let others = (2..2 + more).map(|number| alert(AlertKind::Failure, number, 1));
    let seen = Seen { alerts: std::iter::once(failure).chain(others).collect(), ..Seen::default() };
    let policy = Policy { on: [AlertKind::Failure].into(), only: Vec::new(), repeat: None, most_per_hour: 1 };
    let decision = due::decide(&seen, &policy, Told::default(), at(5), uuid::Uuid::from_u128(7));
    let (environment, channel) = ("prod".parse().unwrap(), "ops".parse().unwrap());
    let pages = Some("https://spile.example.com");
    Message::of(&decision.messages[0], Frame { project: "acme", environment: &environment, pages, channel: &channel })
}

fn slack(message: &Message) -> String {
    render(
        message,
        MessageFormat::Slack,
        &Source::new("slack", include_str!("../../../../../templates/notify/slack.j2")),
    )
    .unwrap()
}

#[test]
fn slack_gets_a_few_lines_with_links_and_next_steps() {
    assert_eq!(
        slack(&message("the token has expired", 0)),
        ":red_circle: *shop-1: the sync failed* (acme, prod)\nthe token has expired\n→ look at it\n\
         File: `integrations/shop-1.toml`\nMore: `spile logs shop-1`\n<https://spile.example.com/integrations/shop-1>"
    );
}

#[test]
fn an_error_cannot_notify_everyone_in_slack() {
    let text = slack(&message("<!channel> <@U1> a & b", 0));
    assert!(text.contains("&lt;!channel&gt; &lt;@U1&gt; a &amp; b"), "{text}");
}

#[test]
fn summarized_alerts_are_counted_and_the_first_are_named() {
    let text = slack(&message("x", 37));
    assert!(text.contains("and 37 more:\n• shop-2: the sync failed\n"), "{text}");
    assert!(text.contains("• shop-21: the sync failed\n• …"), "{text}");
    assert!(!text.contains("shop-22"), "{text}");
}

#[test]
fn a_webhook_gets_every_field_of_a_message() {
    let message = message("a \"quoted\" <tag>\\", 2);
    let template = Source::new("webhook", include_str!("../../../../../templates/notify/webhook.j2"));
    let text = render(&message, MessageFormat::Json, &template).unwrap();
    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body, serde_json::to_value(&message).unwrap());
    assert_eq!((&body["kind"], &body["integration"]["slug"]), (&"failure".into(), &"shop-1".into()));
}

#[test]
fn a_mail_begins_with_its_subject() {
    let template = Source::new("email", include_str!("../../../../../templates/notify/email.j2"));
    let text = render(&message("it broke", 1), MessageFormat::Plain, &template).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("[spile] shop-1: the sync failed (acme, prod)"));
    assert_eq!((lines.next(), lines.next()), (Some(""), Some("it broke")));
    assert!(text.ends_with("And 1 more:\n- shop-2: the sync failed"), "{text}");
}

#[test]
fn a_template_that_fails_says_where() {
    let of = |form, text: &str| render(&message("x", 0), form, &Source::new("t", text)).unwrap_err().to_string();
    assert!(
        of(MessageFormat::Plain, "{{ nothing }}").contains("undefined"),
        "{}",
        of(MessageFormat::Plain, "{{ nothing }}")
    );
    assert!(
        of(MessageFormat::Slack, "{% for x in range(100000) %}{% for y in range(100000) %}a{% endfor %}{% endfor %}")
            .contains("fuel")
    );
    assert!(of(MessageFormat::Json, "{\"a\": \"{{ title }}\"}").contains("does not render valid JSON"));
}
