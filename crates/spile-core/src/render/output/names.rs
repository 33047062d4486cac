//! Names that schedulers accept: readable if ours already fit, and otherwise with a hash, so that no two things share a
//! name.

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
