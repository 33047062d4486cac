//! What a run did with older rows, and because of which choice.

use jiff::Timestamp;

use spile_core::run::{CarriedOut, Run};
use spile_core::state::choice::StreamChoice;

/// How many characters of a plan's id name it.
const SHORT: usize = 12;

/// Returns a sentence for each choice that decides what a run does with rows that are already loaded: those of applies, and
/// those that the run was started with. `moment` shows a time.
#[must_use]
pub fn choices(run: &Run, moment: impl Fn(Timestamp) -> String) -> Vec<String> {
    let mut all: Vec<String> = run.details.choices.iter().map(|one| carried_out(one, &moment)).collect();
    all.extend(refreshed(run, &moment));
    if run.details.reset {
        all.push("removes the rows that the loader does not get again: the run was started as a reset".to_owned());
    }
    all
}

/// Returns a choice of an apply as a sentence.
#[must_use]
pub fn carried_out(one: &CarriedOut, moment: impl Fn(Timestamp) -> String) -> String {
    let CarriedOut { choice, actor, at, .. } = one;
    let plan: String = choice.plan.chars().take(SHORT).collect();
    let by = format!("{actor} in the apply of {}, plan {plan}", moment(*at));
    match &choice.what {
        StreamChoice::ForwardOnly { streams } => {
            format!("older rows of {} keep the old value: forward only, chosen by {by}", listed(streams))
        }
        StreamChoice::Resync { streams } => {
            format!("reads {} again from the start: resync, chosen by {by}", listed(streams))
        }
        StreamChoice::Backfill { since } => {
            let streams: Vec<String> = since.iter().map(|(stream, date)| format!("{stream} since {date}")).collect();
            format!("reads again {}: backfill, chosen by {by}", streams.join(", "))
        }
    }
}

/// Returns what a run reads again because it was started that way.
fn refreshed(run: &Run, moment: impl Fn(Timestamp) -> String) -> Option<String> {
    let filter = &run.details.filter;
    // A full refresh that somebody asks for begins without bookmarks.
    if run.full_refresh && run.bookmark_before.is_some() {
        return Some("continues a full refresh of all streams that an earlier run began".to_owned());
    }
    let is_all = run.full_refresh || filter.refresh == ["*"];
    let streams = match filter.only.as_slice() {
        _ if !is_all => listed(&filter.refresh),
        [] => "all streams".to_owned(),
        only => listed(only),
    };
    match run.details.since {
        Some(since) => {
            Some(format!("reads {streams} again since {}: the run was started with this time", moment(since)))
        }
        None if streams.is_empty() => None,
        None => Some(format!("reads {streams} again from the start: full refresh")),
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::name::IntegrationId;
    use spile_core::run::{RunKind, Start};
    use spile_core::state::choice::AppliedChoice;
    use uuid::Uuid;

    fn run() -> Run {
        Run::start(Start {
            id: Uuid::nil(),
            integration: IntegrationId(Uuid::nil()),
            slug: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            kind: RunKind::Sync,
            at: Timestamp::UNIX_EPOCH,
        })
    }

    fn shown(run: &Run) -> Vec<String> {
        choices(run, |at| at.to_string())
    }

    #[test]
    fn a_choice_of_an_apply_names_its_streams_and_the_apply() {
        let mut run = run();
        let one = |what| CarriedOut {
            choice: AppliedChoice { plan: "0123456789abcdef".to_owned(), what },
            change: Uuid::nil(),
            actor: "ada".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        let streams = || ["a".to_owned(), "b".to_owned()].into();
        let since = [("c".to_owned(), "2026-01-31".to_owned())].into();
        run.details.choices = vec![
            one(StreamChoice::ForwardOnly { streams: streams() }),
            one(StreamChoice::Resync { streams: streams() }),
            one(StreamChoice::Backfill { since }),
        ];
        let by = "chosen by ada in the apply of 1970-01-01T00:00:00Z, plan 0123456789ab";
        let expected = [
            format!("older rows of a, b keep the old value: forward only, {by}"),
            format!("reads a, b again from the start: resync, {by}"),
            format!("reads again c since 2026-01-31: backfill, {by}"),
        ];
        assert_eq!(shown(&run), expected);
    }

    #[test]
    fn a_run_says_what_it_was_started_to_read_again() {
        let mut run = run();
        assert_eq!(shown(&run), [""; 0]);
        run.details.filter.refresh = vec!["a".to_owned()];
        assert_eq!(shown(&run), ["reads a again from the start: full refresh"]);
        run.details.filter.refresh = vec!["*".to_owned()];
        run.details.filter.only = vec!["b".to_owned()];
        assert_eq!(shown(&run), ["reads b again from the start: full refresh"]);
        run.details.since = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(shown(&run), ["reads b again since 1970-01-01T00:00:00Z: the run was started with this time"]);
        run.details.filter = spile_core::run::StreamFilter::default();
        (run.full_refresh, run.details.since, run.details.reset) = (true, None, true);
        run.bookmark_before = Some(serde_json::json!({}));
        assert_eq!(shown(&run)[0], "continues a full refresh of all streams that an earlier run began");
        run.bookmark_before = None;
        let reset = "removes the rows that the loader does not get again: the run was started as a reset";
        assert_eq!(shown(&run), ["reads all streams again from the start: full refresh", reset]);
    }
}
