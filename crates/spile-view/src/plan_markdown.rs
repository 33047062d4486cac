//! A plan as a comment on a pull request: the numbers first, deletions before everything else, details folded.
//!
//! GitHub allows 65,536 characters. A longer plan loses details, the largest first; the numbers and the names of
//! deleted integrations stay as long as possible.

use super::access;
use super::changes::{SourceChange, SourceData, is_open};
use super::markdown::{block, code, html, item, phrase};
use super::plan::{backfills, lifted_by, no_changes, numbers, secret, state_moves, streams, verb, word};
use super::plan_data::{ChangeData, FieldData, PlanData, PreviewData, action};
use super::upgrade;
use super::value::in_line;
use spile_core::integration::rotated::Rotation;
use spile_core::phrase;
use spile_core::plan::{Action, Compared, Consequence, PluginUpgrade};
use spile_core::render::FILE_NAME;
use spile_core::visible::plain;

/// The longest comment, in characters.
pub const MOST: usize = 65_000;

/// The level of detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Everything.
    Whole,
    /// Without diffs of files.
    NoDiff,
    /// Without fields: only the action on each integration.
    NoFields,
    /// The names of this many integrations, and the number of others.
    Names(usize),
}

/// Returns a plan as Markdown that fits into a comment; the first line is a mark by which to find the comment again.
#[must_use]
pub fn markdown(plan: &PlanData) -> String {
    let names = [1000, 300, 100, 30, 10, 0].map(Detail::Names);
    let details = [Detail::Whole, Detail::NoDiff, Detail::NoFields].into_iter().chain(names);
    let mut shorter = details.map(|detail| with(plan, detail));
    let fits = |text: &String| text.chars().count() <= MOST;
    let last = with(plan, Detail::Names(0));
    shorter.find(fits).unwrap_or_else(|| last.chars().take(MOST).collect())
}

/// Returns the mark of the comment for a project's environment.
#[must_use]
pub fn mark(project: &str, environment: &str) -> String {
    // Two dashes would end the HTML comment.
    let name = format!("{}/{}", short(project), short(environment)).replace("--", "-\u{2010}").replace('>', "");
    format!("<!-- spile plan {} -->", plain(&name).replace('\n', " "))
}

/// Returns the start of a name, short enough to leave room for the numbers.
fn short(name: &str) -> String {
    name.chars().take(200).collect()
}

fn with(plan: &PlanData, detail: Detail) -> String {
    let mut parts = vec![
        format!("{}\n", mark(&plan.project, &plan.environment)),
        format!("### spile: plan for {}, {}\n\n", code(&short(&plan.project)), code(&short(&plan.environment))),
        head(plan),
        warnings(plan),
    ];
    let mut integrations = plan.integrations();
    integrations.sort_by_key(|changes| order(changes));
    let shown = match detail {
        Detail::Names(most) => most,
        Detail::Whole | Detail::NoDiff | Detail::NoFields => usize::MAX,
    };
    parts.extend(integrations.iter().take(shown).map(|changes| integration(changes, detail)));
    let more = integrations.len().saturating_sub(shown);
    if more > 0 {
        parts.push(format!("\n… and {more} more. `spile plan` shows all of it.\n"));
    }
    if !matches!(detail, Detail::Names(_)) {
        parts.extend(plan.previews.iter().map(preview));
    }
    parts.push(upgrades(plan, shown));
    parts.push(files(plan, detail));
    parts.push(drift(plan, shown));
    parts.push(sources(plan, shown));
    parts.push(rotated(plan, shown));
    let (id, version) = (html(&plan.id), html(&plan.spile_version));
    parts
        .push(format!("\n<sub><code>spile apply --plan-id {id}</code> applies this one only. spile {version}</sub>\n"));
    parts.concat()
}

/// Returns what was previewed of a source. Values are in its file only.
fn preview(preview: &PreviewData) -> String {
    let items: String = preview.phrases().into_iter().map(item).collect();
    let slug = html(preview.slug.as_str());
    format!("\n<details><summary>preview of <b>{slug}</b></summary>\n\n{items}\n</details>\n")
}

/// Sorts deletions first, then by consequence, then by name.
fn order(changes: &[ChangeData]) -> (u8, std::cmp::Reverse<Consequence>, String) {
    let rank = match action(changes) {
        Action::Delete => 0,
        Action::Update => 1,
        Action::Create => 2,
    };
    let worst = changes.iter().map(|change| change.consequence).max().unwrap_or_default();
    (rank, std::cmp::Reverse(worst), changes.first().map(|change| change.slug.to_string()).unwrap_or_default())
}

fn head(plan: &PlanData) -> String {
    if plan.is_empty() {
        return format!("**No changes**: {}.\n", no_changes(plan));
    }
    let summary = &plan.summary;
    let cells = [summary.delete, summary.update, summary.create, summary.unchanged, summary.unmanaged];
    let cells = cells.map(|count| count.to_string()).join(" | ");
    let offline = if plan.compared == Compared::FileOnly { " The registry was not compared (offline)." } else { "" };
    format!(
        "**{}.**{offline}\n\n| deleted | updated | created | unchanged | unmanaged |\n\
         | ---: | ---: | ---: | ---: | ---: |\n| {cells} |\n",
        numbers(plan)
    )
}

fn warnings(plan: &PlanData) -> String {
    let mut lines = Vec::new();
    if !plan.flags().is_empty() {
        lines.push(format!("**apply will refuse this** without {}", lifted_by(plan).shown(html, code)));
    }
    let stays = |slug| format!("{} stays, although no file declares it: it is protected", code(slug));
    lines.extend(plan.protected.iter().take(20).map(|slug| stays(slug.as_str())));
    let spared = |slug| format!("{} stays, although no file declares it: the plan is partial", code(slug));
    lines.extend(plan.spared.iter().take(20).map(|slug| spared(slug.as_str())));
    let left = |path: &String| format!("{} stays unchanged: only a full plan renders it", code(path));
    lines.extend(plan.outputs_left.iter().take(20).map(left));
    if lines.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = lines.iter().map(|line| format!("> - {line}")).collect();
    format!("\n> [!WARNING]\n{}\n", quoted.join("\n"))
}

fn integration(changes: &[ChangeData], detail: Detail) -> String {
    let Some(first) = changes.first() else { return String::new() };
    let worst = first.consequence;
    let follows = if worst > Consequence::None { format!(": <b>{}</b>", word(worst)) } else { String::new() };
    let sign = super::sign(action(changes)).0;
    let summary =
        format!("<code>{sign}</code> <b>{}</b> {}{follows}", html(first.slug.as_str()), phrase(&verb(changes)));
    if detail == Detail::NoFields || matches!(detail, Detail::Names(_)) {
        return format!("\n- {summary}");
    }
    let mut body: Vec<String> = first.reasons.iter().cloned().map(item).collect();
    if !first.streams.is_empty() && worst > Consequence::Restart {
        body.push(item(phrase!["streams: ", streams(first)]));
    }
    body.extend(backfills(first).map(item));
    if let Some(price) = &first.price {
        body.extend(price.sentences(&first.slug).into_iter().map(item));
    }
    if let Some(state) = &first.state {
        body.push(item(state_moves(state)));
    }
    body.extend(changes.iter().map(target));
    format!("\n<details><summary>{summary}</summary>\n\n{}\n</details>\n", body.concat())
}

fn target(change: &ChangeData) -> String {
    let name = change.target.title();
    if change.fields.is_empty() || change.action == Action::Delete {
        return format!("\n**{name}**\n\n- `{}` {}\n", super::sign(change.action).0, code(&change.title));
    }
    let fields: String = change.fields.iter().map(field).collect();
    let access = access::sentences(change).into_iter().map(|sentence| item(format!("⚠ {sentence}")));
    format!("\n**{name}**\n\n{fields}{}", access.collect::<String>())
}

fn field(field: &FieldData) -> String {
    let path = code(field.path().as_str());
    let value = |of: &serde_json::Value| code(&in_line(of));
    match field {
        FieldData::Secret { secret: change, .. } => {
            let (action, words) = secret(field.path(), *change);
            format!("- `{}` {path} ({words})\n", super::sign(action).0)
        }
        FieldData::Plain { before: None, after: Some(after), .. } => format!("- `+` {path} = {}\n", value(after)),
        FieldData::Plain { before: Some(before), after: None, .. } => format!("- `-` {path} = {}\n", value(before)),
        FieldData::Plain { before: Some(before), after: Some(after), .. } => {
            format!("- `~` {path} = {} → {}\n", value(before), value(after))
        }
        FieldData::Plain { before: None, after: None, .. } => format!("- {path}\n"),
    }
}

fn upgrades(plan: &PlanData, most: usize) -> String {
    let one = |one: &PluginUpgrade| {
        let body: String = upgrade::phrases(&one.upgrade).into_iter().map(item).collect();
        format!("\n<details><summary>{}</summary>\n\n{body}\n</details>\n", phrase(&upgrade::head(one)))
    };
    plan.upgrades.iter().take(most.min(50)).map(one).collect()
}

fn files(plan: &PlanData, detail: Detail) -> String {
    let file = |file: &super::plan_data::FileData| {
        let verb = if file.action == Action::Create { "will be created" } else { "will be rendered again" };
        if detail != Detail::Whole {
            return format!("\n\n{} {verb}; its diff does not fit here.\n", code(&file.path));
        }
        let summary = format!("<b>{}</b> {verb}", html(&file.path));
        format!("\n<details><summary>{summary}</summary>\n\n{}\n</details>\n", block("diff", &file.diff))
    };
    plan.files.iter().map(file).collect()
}

fn drift(plan: &PlanData, most: usize) -> String {
    if plan.drift.is_empty() && !plan.meltano_edited {
        return String::new();
    }
    let summary = format!("<b>Drift</b>: changed by something else since the last apply ({})", plan.drift.len());
    let mut body = Vec::new();
    for drift in plan.drift.iter().take(most.min(100)) {
        body.push(format!("- {} {}\n", code(drift.slug.as_str()), super::drift::verb(drift)));
        for field in drift.fields.iter().take(20) {
            let shown =
                |of: &Option<serde_json::Value>| of.as_ref().map_or("nothing".to_owned(), |of| code(&in_line(of)));
            let change = match field.secret {
                Some(_) => "its ciphertext".to_owned(),
                None => format!("{} → {}", shown(&field.left), shown(&field.found)),
            };
            body.push(format!("  - {}: {change} ({})\n", code(field.path.as_str()), super::drift::files(field.files)));
        }
    }
    for edit in plan.hand_edits.iter().take(most.min(100)) {
        body.push(format!("- {}\n", phrase(&edit.phrase)));
    }
    if plan.meltano_edited && plan.hand_edits.is_empty() {
        body.push(format!("- {} was edited by hand\n", code(FILE_NAME)));
    }
    format!("\n<details><summary>{summary}</summary>\n\n{}\n</details>\n", body.concat())
}

/// Returns the sources that do not match their contracts, and what accepting the changes means.
fn sources(plan: &PlanData, most: usize) -> String {
    if plan.sources.is_empty() {
        return String::new();
    }
    let of_source = |source: &SourceData| {
        let change = |change: &SourceChange| {
            let said = change.consequence.as_ref().map(|said| format!(": {}", phrase(said))).unwrap_or_default();
            let open = if is_open(change) { format!(" ({})", code(&change.action)) } else { String::new() };
            format!("  - {}{open}{said}\n", phrase(&change.sentence))
        };
        let next = format!("  - accept this with {}\n", code(&source.accept));
        let changes: String = source.changes.iter().take(20).map(change).collect();
        format!("- {}\n{changes}{next}", code(source.slug.as_str()))
    };
    let body: String = plan.sources.iter().take(most.min(100)).map(of_source).collect();
    let summary = format!("<b>Sources</b>: the source has changed ({})", plan.sources.len());
    format!("\n<details><summary>{summary}</summary>\n\n{body}\n</details>\n")
}

/// Returns the secrets that sources have rotated since they were set in the files.
fn rotated(plan: &PlanData, most: usize) -> String {
    if plan.rotated.is_empty() {
        return String::new();
    }
    let item = |rotation: &Rotation| {
        let (slug, name) = (code(rotation.slug.as_str()), code(&rotation.name));
        format!("- {slug}: {name}, on {:.0}\n", rotation.at)
    };
    let body: String = plan.rotated.iter().take(most.min(100)).map(item).collect();
    let summary = format!("<b>Secrets</b>: rotated by their sources ({})", plan.rotated.len());
    format!("\n<details><summary>{summary}</summary>\n\n{body}\n</details>\n")
}
