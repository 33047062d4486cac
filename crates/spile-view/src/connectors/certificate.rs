//! The grade of a tap, as text for people and as data.

use std::fmt::Write;

use anstyle::Style;
use serde_json::{Value, json};

use crate::{BAD, CHANGED, GOOD, QUIET, STRONG, harmless, styled};
use spile_core::run::certify::{Certificate, Finding, Grade};
use spile_ops::counted;

/// Returns a certificate with all its reasons.
#[must_use]
pub fn text(certificate: &Certificate) -> String {
    let Certificate { connector, plugin, grade, .. } = certificate;
    let graded = styled(style(*grade).bold(), &format!("grade {}", grade.letter()));
    let mut text = format!("{}  {graded}: {}\n", styled(STRONG, &harmless(connector)), grade.meaning());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {}", styled(QUIET, &harmless(&format!("{}, {}", plugin.pip_url, read(certificate)))));
    for finding in &certificate.findings {
        text.push_str(&line(finding));
    }
    text
}

/// Returns what was read, as a clause.
fn read(certificate: &Certificate) -> String {
    let records: u64 = certificate.streams.iter().map(|stream| stream.records).sum();
    let streams = counted(certificate.streams.len(), "stream");
    let restarts = counted(certificate.restarts, "restart");
    format!("{} in {streams}, {restarts}, {}", counted(records, "record"), counted(certificate.states, "state"))
}

fn line(finding: &Finding) -> String {
    let Finding { grade, stream, message, examples, .. } = finding;
    let letter = if *grade == Grade::A { styled(QUIET, "-") } else { styled(style(*grade), grade.letter()) };
    let of = stream.as_ref().map(|stream| format!("{} ", styled(STRONG, &harmless(stream)))).unwrap_or_default();
    let keys = if examples.is_empty() { String::new() } else { format!(", for example {}", examples.join("; ")) };
    format!("  {letter} {of}{}{}\n", harmless(message), styled(QUIET, &harmless(&keys)))
}

fn style(grade: Grade) -> Style {
    match grade {
        Grade::A | Grade::B => GOOD,
        Grade::C => CHANGED,
        Grade::D | Grade::F => BAD,
    }
}

/// Returns a certificate in one line, for the catalog.
#[must_use]
pub fn summary(certificate: &Certificate) -> String {
    let Certificate { grade, integration, certified_at, .. } = certificate;
    let date = certified_at.strftime("%Y-%m-%d");
    format!("grade {} on {date} with `{integration}`: {}", grade.letter(), grade.meaning())
}

/// Returns a certificate as data.
#[must_use]
pub fn data(certificate: &Certificate) -> Value {
    json!({ "certificate": certificate, "passed": certificate.grade.is_passed() })
}

/// Returns a certificate as data for everyone who may see the catalog: without the keys of records.
#[must_use]
pub fn for_catalog(certificate: &Certificate) -> Value {
    let finding = |finding: &Finding| json!({ "kind": finding.kind, "grade": finding.grade, "stream": finding.stream, "message": finding.message });
    json!({
        "grade": certificate.grade,
        "meaning": certificate.grade.meaning(),
        "certified_at": certificate.certified_at,
        "findings": certificate.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
