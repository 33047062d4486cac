//! The streams that a source offers, as text for people and as data.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::runs::local;
use super::table::{Cell, table};
use super::{CHANGED, GOOD, QUIET, STRONG, harmless, styled};
use spile_core::discovered::{Field, Proposal, Taken};
use spile_core::name::EnvironmentName;
use spile_ops::check::Undiscovered;
use spile_ops::counted;
use spile_ops::discover::{Offer, ShownStream};

/// Returns the streams as a table, with the time of the discovery.
#[must_use]
pub fn streams(offer: &Offer, shown: &[ShownStream<'_>], zone: &TimeZone) -> String {
    if shown.is_empty() {
        return "the source offers no streams: check what its account can access\n".to_owned();
    }
    let row = |shown: &ShownStream<'_>| -> [Cell; 7] {
        let stream = shown.stream;
        [
            harmless(&stream.name).into(),
            harmless(&stream.primary_key.join(", ")).into(),
            harmless(stream.replication_key.as_deref().unwrap_or_default()).into(),
            harmless(stream.replication_method.as_deref().unwrap_or_default()).into(),
            stream.fields.len().to_string().into(),
            selected(shown),
            harmless(shown.table.unwrap_or_default()).into(),
        ]
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    let table = table(["stream", "primary key", "replication key", "method", "fields", "selected", "table"], &rows);
    let at = local(offer.discovered.discovered_at, zone);
    let taken = shown.iter().filter(|shown| shown.taken.is_read()).count();
    let foot = format!("{}, {taken} selected; discovered at {at}", counted(shown.len(), "stream"));
    format!("{table}\n{}\n", styled(QUIET, &foot))
}

/// Returns how many fields of a stream are selected.
fn selected(shown: &ShownStream<'_>) -> Cell {
    let count = shown.fields.iter().filter(|(_, taken)| taken.is_read()).count();
    match shown.taken {
        Taken::Excluded => Cell::styled("no", QUIET),
        Taken::Unsupported => Cell::styled("unsupported", QUIET),
        Taken::Selected | Taken::Automatic if count == shown.fields.len() => Cell::styled("all", GOOD),
        Taken::Selected | Taken::Automatic => Cell::styled(format!("{count} of {}", shown.fields.len()), CHANGED),
    }
}

/// Returns the fields of each stream as a table.
#[must_use]
pub fn fields(shown: &[ShownStream<'_>]) -> String {
    let one = |shown: &ShownStream<'_>| {
        let row = |(field, taken): &(&Field, Taken)| -> [Cell; 3] {
            [harmless(&field.name()).into(), harmless(&field.types.join(", ")).into(), mark(*taken)]
        };
        let rows: Vec<_> = shown.fields.iter().map(row).collect();
        let name = styled(STRONG, &harmless(&shown.stream.name));
        format!("{name}\n{}", table(["field", "types", "selected"], &rows))
    };
    shown.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn mark(taken: Taken) -> Cell {
    match taken {
        Taken::Selected => Cell::styled("yes", GOOD),
        Taken::Automatic => Cell::styled("always", GOOD),
        Taken::Excluded => Cell::styled("no", QUIET),
        Taken::Unsupported => Cell::styled("unsupported", QUIET),
    }
}

/// Returns a note for each integration whose source has not been discovered, with the command to do so.
#[must_use]
pub fn undiscovered(unknown: &[Undiscovered], default: &EnvironmentName) -> String {
    let one = |unknown: &Undiscovered| {
        let command = |environment: &EnvironmentName| {
            let flag = if environment == default { String::new() } else { format!(" --env {environment}") };
            format!("`spile discover {}{flag}`", unknown.slug)
        };
        let commands: Vec<String> = unknown.environments.iter().map(command).collect();
        let note = styled(CHANGED, "note:");
        format!("{note} it is not known what the source of `{}` offers: run {}\n", unknown.slug, commands.join(" and "))
    };
    unknown.iter().map(one).collect()
}

/// Returns the proposed replication of a stream, as data.
fn proposal(shown: &ShownStream<'_>) -> Value {
    let Proposal { replication_key, why, .. } = Proposal::of(shown.stream);
    json!({ "replication_key": replication_key, "why": why })
}

/// Returns the streams and their fields as data.
#[must_use]
pub fn data(offer: &Offer, shown: &[ShownStream<'_>]) -> Value {
    let stream = |shown: &ShownStream<'_>| {
        let field = |(field, taken): &(&Field, Taken)| {
            json!({
                "field": field.name(),
                "types": field.types,
                "inclusion": field.inclusion,
                "selected": taken.is_read(),
            })
        };
        json!({
            "stream": shown.stream.name,
            "primary_key": shown.stream.primary_key,
            "replication_key": shown.stream.replication_key,
            "replication_method": shown.stream.replication_method,
            "selected": shown.taken.is_read(),
            "table": shown.table,
            "proposal": proposal(shown),
            "fields": shown.fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    json!({
        "slug": offer.integration.slug,
        "discovered_at": offer.discovered.discovered_at,
        "streams": shown.iter().map(stream).collect::<Vec<_>>(),
    })
}
