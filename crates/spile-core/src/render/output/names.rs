//! Names that schedulers accept: readable if ours already fit, and otherwise with a hash, so that no two things share a
//! name.

use super::LoadedStream;
use crate::digest::hash;

/// The longest name of a `CronJob`: its jobs add eleven characters.
const LONGEST_JOB: usize = 52;

/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

/// The longest name of a DAG: below Airflow's 250, and readable.
const LONGEST_DAG: usize = 200;

/// The rules for a name.
struct NameForm {
    /// The text between the parts.
    separator: &'static str,
    /// The characters that a part may contain besides lowercase letters, digits and dashes.
    also: fn(char) -> bool,
    /// The greatest length of the name.
    longest: usize,
}

/// Returns the name of a `CronJob`: a DNS label (RFC 1123).
pub(super) fn job(parts: &[&str]) -> String {
    let form = NameForm { separator: "--", also: |_| false, longest: LONGEST_JOB - "spile-".len() };
    format!("spile-{}", joined(parts, &form))
}

/// Returns the value of a Kubernetes label.
pub(super) fn label(text: &str) -> String {
    let also = |c: char| c.is_ascii_uppercase() || c == '.' || c == '_';
    joined(&[text], &NameForm { separator: "", also, longest: LONGEST_LABEL })
}

/// Returns the id of a DAG for a schedule in a time zone.
pub(super) fn dag(parts: &[&str], schedule: &str, timezone: &str) -> String {
    let schedule = word(schedule);
    let timezone = timezone.replace('/', ".");
    let mut all: Vec<&str> = parts.iter().copied().chain([schedule.as_str()]).collect();
    if timezone != "UTC" {
        all.push(&timezone);
    }
    let also = |c: char| c.is_ascii_uppercase() || c == '.' || c == '_';
    format!("spile__{}", joined(&all, &NameForm { separator: "__", also, longest: LONGEST_DAG }))
}

/// Returns a name as an identifier of Python, which is what Dagster accepts: `spile__acme__prod__hourly`.
pub(super) fn identifier(name: &str) -> String {
    let kept: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if kept == name { kept } else { format!("{kept}_{}", &hash(name.as_bytes())[..8]) }
}

/// A name as far as Dagster takes it.
struct AssetName {
    kept: String,
    /// Whether nothing of it was replaced.
    is_whole: bool,
}

/// Returns the streams of one integration as the last parts of asset keys: the tables' names, or else the streams'.
/// Dagster takes keys for equal that differ only in dashes, dots and underscores.
pub(super) fn assets(streams: &[LoadedStream]) -> Vec<String> {
    let kept = |stream: &LoadedStream| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let name = stream.table.as_ref().unwrap_or(&stream.name);
        let kept: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
        AssetName { is_whole: kept == *name && !kept.is_empty(), kept }
    };
    let same = |one: &str, other: &str| one.replace(['-', '.'], "_") == other.replace(['-', '.'], "_");
    let all: Vec<AssetName> = streams.iter().map(kept).collect();
    let name = |(stream, AssetName { kept, is_whole }): (&LoadedStream, &AssetName)| {
        let is_only = all.iter().filter(|other| same(&other.kept, kept)).count() == 1;
        if *is_whole && is_only { kept.clone() } else { format!("{kept}-{}", &hash(stream.name.as_bytes())[..8]) }
    };
    streams.iter().zip(&all).map(name).collect()
}

/// Returns a schedule as a word: `hourly`, `0_6_x_x_1-5`. Different schedules become different words.
fn word(schedule: &str) -> String {
    let sign = |c: char| match c {
        ' ' => "_".to_owned(),
        '*' => "x".to_owned(),
        ',' => ".".to_owned(),
        '/' => "--".to_owned(),
        other => other.to_string(),
    };
    schedule.trim_start_matches('@').chars().map(sign).collect()
}

/// Joins parts. If some characters do not fit, leaves them out and appends a hash of all parts.
fn joined(parts: &[&str], form: &NameForm) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (form.also)(c);
    let part = |text: &&str| {
        let kept: String = text.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        kept.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
    };
    let kept: Vec<String> = parts.iter().map(part).collect();
    // A part that contains the separator would make the name ambiguous.
    let is_plain = |(kept, text): (&String, &&str)| {
        kept == text && !kept.is_empty() && (form.separator.is_empty() || !kept.contains(form.separator))
    };
    let all = kept.join(form.separator);
    if kept.iter().zip(parts).all(is_plain) && all.len() <= form.longest {
        return all;
    }
    let digest = &hash(parts.join("\0").as_bytes())[..8];
    // The string is ASCII.
    let start =
        all[..all.len().min(form.longest - digest.len() - 1)].trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if start.is_empty() { format!("x{digest}") } else { format!("{start}-{digest}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_fit_are_kept() {
        assert_eq!(job(&["acme", "prod", "shop"]), "spile-acme--prod--shop");
        assert_eq!(label("tap_x.Y"), "tap_x.Y");
        assert_eq!(dag(&["acme", "prod"], "@hourly", "UTC"), "spile__acme__prod__hourly");
        assert_eq!(
            dag(&["acme", "prod"], "*/15 6-20 * 1,2 MON", "Europe/Paris"),
            "spile__acme__prod__x--15_6-20_x_1.2_MON__Europe.Paris"
        );
    }

    #[test]
    fn names_with_removed_characters_differ_by_a_hash() {
        let long = "a".repeat(80);
        let jobs = [
            ["é", "x", "shop"],
            ["è", "x", "shop"],
            ["a--b", "c", "d"],
            ["a", "b--c", "d"],
            ["a", "b", "d-"],
            [&long, "b", "d"],
        ];
        let names: std::collections::BTreeSet<String> = jobs.iter().map(|parts| job(parts)).collect();
        assert_eq!(names.len(), jobs.len(), "{names:?}");
        assert_ne!(label("a b"), label("a-b"));
    }

    #[test]
    fn a_long_name_is_cut_to_make_room_for_the_hash() {
        let long = "a".repeat(300);
        let kept = |name: &str, start: &str, longest: usize| {
            let digest = name.strip_prefix(start).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((name.len(), digest.len()), (longest, 9), "{name}");
            assert!(digest.starts_with('-') && !digest[1..].contains('-'), "{name}");
        };
        kept(&job(&[&long, "prod"]), &format!("spile-{}", "a".repeat(37)), LONGEST_JOB);
        kept(&label(&long), &"a".repeat(54), LONGEST_LABEL);
        kept(&dag(&[&long], "@daily", "UTC"), &format!("spile__{}", "a".repeat(191)), LONGEST_DAG + "spile__".len());
    }

    #[test]
    fn identifiers_and_assets_differ_where_names_do() {
        assert_eq!(identifier("spile__acme__prod__hourly"), "spile__acme__prod__hourly");
        let schedules = ["1-2 3 4 5 6", "1 2-3 4 5 6"].map(|schedule| identifier(&dag(&["a"], schedule, "UTC")));
        assert!(schedules[0] != schedules[1] && schedules[0].chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        let stream = |name: &str, table: Option<&str>| LoadedStream {
            name: name.to_owned(),
            schema: None,
            table: table.map(str::to_owned),
        };
        let named = assets(&[
            stream("public-orders", Some("orders")),
            stream("a.b", None),
            stream("a-b", None),
            stream("ü", None),
        ]);
        assert_eq!(named[0], "orders");
        assert!(
            named[1].starts_with("a.b-") && named[2].starts_with("a-b-") && named[3].starts_with("_-"),
            "{named:?}"
        );
    }

    fn is_dns(name: &str) -> bool {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && ends(name.chars().next())
            && ends(name.chars().last())
    }

    proptest! {
        #[test]
        fn any_parts_make_a_valid_name(project in ".{0,90}", slug in "[a-z0-9][a-z0-9-]{0,80}") {
            let job = job(&[&project, "prod", &slug]);
            prop_assert!(is_dns(&job) && job.len() <= LONGEST_JOB, "{job}");
            let label = label(&project);
            prop_assert!(label.len() <= LONGEST_LABEL, "{label}");
            prop_assert!(label.starts_with(|c: char| c.is_ascii_alphanumeric()) && label.ends_with(|c: char| c.is_ascii_alphanumeric()));
            let dag = dag(&[&project, "prod"], "0 6 * * *", "UTC");
            prop_assert!(dag.len() <= 250 && dag.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)), "{dag}");
        }
    }
}
