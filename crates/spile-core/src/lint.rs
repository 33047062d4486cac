//! Lints: patterns that are not mistakes but may become some. Pure: the files and the time are passed in.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use miette::{Diagnostic, SourceSpan};

use crate::connector::pip::is_pinned;
use crate::connector::{Connector, Role};
use crate::integration::{Draft, Integration, Integrations, Timetable};
use crate::name::{EnvironmentName, Slug};
use crate::problem::{Problems, counted};
use crate::settings::Lint as Settings;
use crate::source::{Place, Source};

/// The shortest acceptable time between two runs of a schedule.
const CLOSE: SignedDuration = SignedDuration::from_mins(5);

/// The same for a source that limits calls per day.
const CLOSE_BY_QUOTA: SignedDuration = SignedDuration::from_hours(1);

/// Plugins of sources that limit the calls per day of a whole organization (according to the documentation of their API
/// limits).
const BY_QUOTA: [&str; 9] = [
    "tap-ga4",
    "tap-google-analytics",
    "tap-hubspot",
    "tap-marketo",
    "tap-netsuite",
    "tap-quickbooks",
    "tap-salesforce",
    "tap-xero",
    "tap-zendesk",
];

/// How many runs of a schedule are checked.
const MOMENTS: usize = 60;

/// Something that is not a mistake but may become one.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum Lint {
    /// A schedule that calls a source too often.
    #[error("`{slug}` syncs every {}{why}", interval(*.minutes))]
    #[diagnostic(
        code(spile::lint::dense_schedule),
        severity(Warning),
        help("sync it less often, or allow it with `[lint] allow = [\"dense_schedule\"]` in `spile.toml`")
    )]
    DenseSchedule {
        /// The integration.
        slug: Slug,
        /// The shortest time between two runs.
        minutes: i64,
        /// Why that is too often.
        why: &'static str,
        /// The schedule.
        #[label("this schedule")]
        span: SourceSpan,
    },
    /// A secret that has not been replaced for a long time.
    #[error("the secrets of `{slug}` are {} old", counted(*.days, "day"))]
    #[diagnostic(
        code(spile::lint::old_secret),
        severity(Warning),
        help("replace them with `spile secrets set {slug} NAME`; `[lint] secret_days` sets how old they may be")
    )]
    OldSecret {
        /// The integration.
        slug: Slug,
        /// Their age in days.
        days: i64,
        /// The secrets.
        #[label("not changed since")]
        span: SourceSpan,
    },
    /// A loader that gets no records.
    #[error("no extractor sends records to the loader `{slug}`")]
    #[diagnostic(
        code(spile::lint::unused_loader),
        severity(Warning),
        help("set it as the `loader` of an extractor, or delete its file")
    )]
    UnusedLoader {
        /// The loader.
        slug: Slug,
        /// Where its type is set.
        #[label("declared here")]
        span: SourceSpan,
    },
    /// A tap that keeps no state.
    #[error("`{slug}` reads everything again on every run: the tap of `{connector}` keeps no bookmark")]
    #[diagnostic(
        code(spile::lint::no_state),
        severity(Warning),
        help(
            "choose another tap for large sources; if the tap supports bookmarks, add `state` to the connector's capabilities, or allow it with `[lint] allow = [\"no_state\"]` in `spile.toml`"
        )
    )]
    NoState {
        /// The integration.
        slug: Slug,
        /// The connector.
        connector: String,
        /// Where its type is set.
        #[label("has no `state` capability")]
        span: SourceSpan,
    },
    /// A plugin without a lock, in a project that locks others.
    #[error("`{name}` is not locked, but other plugins are")]
    #[diagnostic(
        code(spile::lint::unlocked),
        severity(Warning),
        help("run `spile lock {name}`, or allow it with `[lint] allow = [\"unlocked\"]` in `spile.toml`")
    )]
    Unlocked {
        /// The plugin.
        name: String,
        /// The start of the missing file.
        #[label("this file is missing")]
        span: SourceSpan,
    },
    /// A lock that cannot be installed.
    #[error("the lock of `{name}` is out of date: {reason}")]
    #[diagnostic(
        code(spile::lint::stale_lock),
        severity(Warning),
        help("run `spile lock {name}`, and commit the file")
    )]
    StaleLock {
        /// The plugin.
        name: String,
        /// What differs.
        reason: String,
        /// The start of the lock file.
        #[label("this lock")]
        span: SourceSpan,
    },
    /// A lock whose versions were chosen long ago.
    #[error("the versions in the lock of `{name}` were chosen {} ago", counted(*.days, "day"))]
    #[diagnostic(
        code(spile::lint::old_lock),
        severity(Warning),
        help(
            "run `spile lock --upgrade {name}`, and test it before you commit the file; `[lint] lock_days` sets how old locks may be"
        )
    )]
    OldLock {
        /// The plugin.
        name: String,
        /// The age in days.
        days: i32,
        /// The start of the lock file.
        #[label("this lock")]
        span: SourceSpan,
    },
    /// A withdrawn version in a lock.
    #[error("the lock of `{name}` has {package} {version}, which its authors have withdrawn{}", because(.reason))]
    #[diagnostic(
        code(spile::lint::yanked_package),
        severity(Warning),
        help("run `spile lock --upgrade {name}`; if `pip_url` asks for this version, choose another one there")
    )]
    YankedPackage {
        /// The plugin.
        name: String,
        /// The package.
        package: String,
        /// The withdrawn version.
        version: String,
        /// Why, in the words of its authors; may be empty.
        reason: String,
        /// The start of the lock file.
        #[label("this lock")]
        span: SourceSpan,
    },
    /// A connector whose installs may differ.
    #[error("`{pip_url}` of the connector `{name}` is not pinned to a version")]
    #[diagnostic(
        code(spile::lint::unpinned_pip_url),
        severity(Warning),
        help("pin it, for example `pip_url = \"tap-x==1.2.0\"` or `git+https://…@v1.2.0`")
    )]
    UnpinnedPipUrl {
        /// The connector.
        name: String,
        /// The package that pip installs.
        pip_url: String,
        /// Where the package is named.
        #[label("installs may differ")]
        span: SourceSpan,
    },
}

/// Returns a reason as the end of a sentence.
fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// The lints of one project.
pub struct Lints<'a> {
    /// Which lints are allowed.
    pub settings: &'a Settings,
    /// All integrations.
    pub integrations: &'a Integrations,
    /// The environment whose schedules are checked.
    pub environment: &'a EnvironmentName,
    /// The time.
    pub now: Timestamp,
}

impl Lints<'_> {
    /// Checks an integration's file.
    pub fn integration(&self, draft: &Draft, problems: &mut Problems) {
        let Some(integration) = self.integrations.find(draft.slug.as_str()) else { return };
        let mut add = |name: &str, place: &Place, lint: Lint| {
            if !self.settings.allow.contains(name) {
                problems.push(&place.source, lint);
            }
        };
        if let Some(schedule) = draft.schedule.as_ref().filter(|_| draft.environment.is_none())
            && let Some((minutes, why)) = self.dense(integration)
        {
            let (slug, span) = (draft.slug.clone(), schedule.place.span.clone().into());
            add("dense_schedule", &schedule.place, Lint::DenseSchedule { slug, minutes, why, span });
        }
        if let Some(secrets) = &draft.secrets
            && let Some(days) = self.age(draft, integration)
        {
            let (slug, span) = (draft.slug.clone(), secrets.place.span.clone().into());
            add("old_secret", &secrets.place, Lint::OldSecret { slug, days, span });
        }
        let Some(place) = draft.connector.as_ref().map(|connector| connector.place.clone()) else { return };
        let (slug, span) = (draft.slug.clone(), place.span.clone().into());
        if self.is_unused(integration) {
            add("unused_loader", &place, Lint::UnusedLoader { slug, span });
        }
        self.no_state(draft, problems);
    }

    /// Reports a tap that keeps no state, if its integration is synced.
    pub fn no_state(&self, draft: &Draft, problems: &mut Problems) {
        let Some(integration) = self.integrations.find(draft.slug.as_str()) else { return };
        let is_synced = integration.at(self.environment).loader.is_some();
        let place = draft.connector.as_ref().map(|connector| &connector.place);
        let is_wanted = is_synced && integration.forgets() && !self.settings.allow.contains("no_state");
        if let Some(place) = place.filter(|_| is_wanted) {
            let (slug, connector) = (draft.slug.clone(), integration.connector.head.name.clone());
            let span = place.span.clone().into();
            problems.push(&place.source, Lint::NoState { slug, connector, span });
        }
    }

    /// Checks one of the project's own connectors. `span` is the place of its `pip_url`.
    pub fn connector(&self, connector: &Connector, source: &Source, span: SourceSpan, problems: &mut Problems) {
        let pip_url = &connector.plugin.pip_url;
        if pip_url.is_empty() || is_pinned(pip_url) || self.settings.allow.contains("unpinned_pip_url") {
            return;
        }
        let (name, pip_url) = (connector.head.name.clone(), pip_url.clone());
        problems.push(source, Lint::UnpinnedPipUrl { name, pip_url, span });
    }

    fn dense(&self, integration: &Integration) -> Option<(i64, &'static str)> {
        let timetable = Timetable::of(integration, self.environment)?;
        let mut moment = self.now;
        let mut shortest: Option<SignedDuration> = None;
        for _ in 0..MOMENTS {
            let next = timetable.next_after(moment)?;
            if moment != self.now {
                let gap = next.at.duration_since(moment);
                shortest = Some(shortest.map_or(gap, |known| known.min(gap)));
            }
            moment = next.at;
        }
        let shortest = shortest?;
        let has_quota = BY_QUOTA.contains(&integration.connector.plugin.name.as_str());
        let (limit, why) =
            if has_quota { (CLOSE_BY_QUOTA, ", and its source has a daily call quota") } else { (CLOSE, "") };
        (shortest < limit).then(|| (shortest.as_mins(), why))
    }

    fn age(&self, draft: &Draft, integration: &Integration) -> Option<i64> {
        let declared = match &draft.environment {
            Some(environment) => integration.overlays.get(environment)?,
            None => &integration.base,
        };
        let at: Timestamp = declared.secrets.as_ref()?.document.metadata.last_modified().ok()?.parse().ok()?;
        let days = self.now.duration_since(at).as_hours() / 24;
        (days > i64::from(self.settings.secret_days)).then_some(days)
    }

    fn is_unused(&self, integration: &Integration) -> bool {
        if integration.role() != Role::Loader {
            return false;
        }
        let declared = |one: &Integration| -> BTreeSet<Slug> {
            one.overlays.values().chain([&one.base]).filter_map(|declared| declared.loader.clone()).collect()
        };
        !self.integrations.iter().any(|one| declared(one).contains(&integration.slug))
    }
}

/// Returns an interval in words, to follow `every`.
fn interval(minutes: i64) -> String {
    if minutes == 1 { "minute".to_owned() } else { format!("{minutes} minutes") }
}
