//! Keeps manual edits: changes that were made in a rendered `meltano.yml` move to the template, at the place that
//! renders them.
//!
//! The template's text is edited by position, one edit after the other. Only rendering it shows whether the result is
//! right, which is left to the caller.

mod frame;
mod skeleton;
mod taken;

use miette::{Diagnostic, SourceSpan};

use crate::plan::hand_edit::{HandEdit, HandEditKind, Part, PartKind};
use crate::yaml::edit::{column, dash, line_end, line_start};
use crate::yaml::{Document, Node};
use frame::Frame;
use skeleton::{Tag, TagKind};
use taken::Taken;

/// A part of a template that cannot be edited, because it is generated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("the template works out where {part} belongs, so it cannot be put there")]
#[diagnostic(
    code(spile::template::not_kept),
    help(
        "write it into the template by hand as `meltano.yml` has it, until `spile plan` no longer names it; nothing was written"
    )
)]
pub struct NotKept {
    /// The part that cannot be kept.
    pub part: Part,
    /// Where it belongs, as far as that is known.
    #[label("it belongs here")]
    pub span: SourceSpan,
}

impl NotKept {
    /// Returns this error for a template as a whole.
    #[must_use]
    pub fn whole(part: Part) -> Self {
        Self { part, span: (0..0).into() }
    }
}

/// Returns a template that includes the edits of a rendered text.
///
/// # Errors
/// With the first edit that has no place in the template.
pub fn kept(template: &str, found: &str, edits: &[HandEdit]) -> Result<String, NotKept> {
    let mut text = template.to_owned();
    let Some(first) = edits.first() else { return Ok(text) };
    let document = Document::parse(found).map_err(|_| NotKept::whole(first.part.clone()))?;
    for edit in edits {
        let within = |at: usize| at.min(template.len());
        let not_kept = |at: Clever| {
            let span = within(at.start)..within(at.end);
            NotKept { part: edit.part.clone(), span: span.into() }
        };
        text = one(text, &Taken { document: &document, part: &edit.part }, edit.kind).map_err(not_kept)?;
    }
    Ok(text)
}

/// The range of something that cannot be edited.
type Clever = std::ops::Range<usize>;

/// The most steps of one edit. Each step adds one missing parent, and there are fewer parents than this.
const MOST_STEPS: usize = 8;

fn one(mut text: String, taken: &Taken<'_>, kind: HandEditKind) -> Result<String, Clever> {
    for _ in 0..MOST_STEPS {
        let tags = skeleton::tags(&text);
        let blanked = skeleton::skeleton(&text, &tags);
        let document = Document::parse(&blanked).map_err(|_| 0..0)?;
        let place = Place { text: &text, tags: &tags, document: &document, root: &document.root, taken };
        let step = match kind {
            HandEditKind::Added => place.added()?,
            HandEditKind::Changed => Step::Done(place.changed()?),
            HandEditKind::Removed => Step::Done(place.removed()?),
        };
        match step {
            Step::Done(text) => return Ok(text),
            Step::Framed(framed) => text = framed,
        }
    }
    Err(0..0)
}

/// The result of one step.
enum Step {
    /// The edit is complete.
    Done(String),
    /// A parent was added, and the next step continues.
    Framed(String),
}

/// A template, and what to insert into it.
struct Place<'a> {
    text: &'a str,
    tags: &'a [Tag],
    document: &'a Document<'a>,
    root: &'a Node,
    taken: &'a Taken<'a>,
}

impl Place<'_> {
    fn frame(&self) -> Frame<'_> {
        Frame { text: self.text, tags: self.tags, root: self.root }
    }

    fn added(&self) -> Result<Step, Clever> {
        let Part { environment, kind, name } = self.taken.part;
        let frame = self.frame();
        match (environment, kind) {
            (None, PartKind::Plugin(list)) => {
                let Some(plugins) = self.root.pair("plugins") else { return Ok(frame.with_plugins()) };
                match plugins.value.pair(list) {
                    Some(pair) => self.item_into(&frame.without_none(pair), pair),
                    None => Ok(frame.with_plugin_list(plugins, list)),
                }
            }
            (None, PartKind::Environment) => {
                let text = match self.root.pair("environments") {
                    Some(_) if frame.wrapped("environments").is_some() => return Ok(frame.unwrapped("environments")),
                    Some(pair) => self.item_into(self.text, pair)?,
                    None => return Ok(frame.with_top_list("environments")),
                };
                match text {
                    Step::Done(text) => Ok(Step::Done(frame::naming(&text, name))),
                    framed @ Step::Framed(_) => Ok(framed),
                }
            }
            (None, PartKind::Job | PartKind::Schedule) => {
                let key = if *kind == PartKind::Job { "jobs" } else { "schedules" };
                match self.root.pair(key) {
                    Some(_) if frame.wrapped(key).is_some() => Ok(frame.unwrapped(key)),
                    Some(pair) => self.item_into(self.text, pair),
                    None => Ok(frame.with_top_list(key)),
                }
            }
            (None, PartKind::Setting) => {
                let pair = self.taken.pair(0).ok_or(0..0)?;
                Ok(Step::Done(format!("{}\n{pair}\n", self.text.trim_end())))
            }
            (Some(environment), kind) => self.added_within(environment, kind),
        }
    }

    /// Adds something to an environment, after adding the environment to the template if it is missing.
    fn added_within(&self, environment: &str, kind: &PartKind) -> Result<Step, Clever> {
        let frame = self.frame();
        let Some(item) = named(self.root.get("environments"), environment) else {
            return match self.root.pair("environments") {
                Some(_) if frame.wrapped("environments").is_some() => Ok(frame.unwrapped("environments")),
                Some(pair) => Ok(frame.with_environment(pair, environment)),
                None => Ok(frame.with_top_list("environments")),
            };
        };
        let config = item.pair("config");
        match kind {
            PartKind::Setting => match self.taken.part.config_key() {
                None => self.pair_into(item, item.pair("name").ok_or(item.span.clone())?),
                Some(_) => match config {
                    Some(config) => self.pair_into(&config.value, config),
                    None => Ok(frame.with_config(item, environment)),
                },
            },
            PartKind::Plugin(list) => {
                let Some(config) = config else { return Ok(frame.with_config(item, environment)) };
                let Some(plugins) = config.value.pair("plugins") else {
                    return Ok(frame.with_overlays(config, environment));
                };
                match plugins.value.pair(list) {
                    Some(pair) => self.item_into(self.text, pair),
                    None => Ok(frame.with_overlay_list(plugins, environment, list)),
                }
            }
            PartKind::Environment | PartKind::Job | PartKind::Schedule => Err(item.span.clone()),
        }
    }

    /// Adds the item at the end of its list.
    fn item_into(&self, text: &str, list: &crate::yaml::Pair) -> Result<Step, Clever> {
        let frame = Frame { text, ..self.frame() };
        let width = frame.width_of_items(list);
        let mut item = self.taken.item(width).ok_or_else(|| list.span())?;
        if self.taken.is_bare_environment() {
            item.push_str(&frame::overlay_call(&self.taken.part.name, width + 2));
        }
        let mut text = text.to_owned();
        text.insert_str(frame.end_of_list(list), &format!("\n{item}"));
        Ok(Step::Done(text))
    }

    /// Adds a key with its value after another key's line.
    fn pair_into(&self, table: &Node, behind: &crate::yaml::Pair) -> Result<Step, Clever> {
        let width = match table.pairs().first() {
            Some(first) => column(self.text, first.key.span.start),
            None => self.frame().width_of_keys(behind, column(self.text, behind.key.span.start) + 2),
        };
        let pair = self.taken.pair(width).ok_or_else(|| behind.span())?;
        let mut text = self.text.to_owned();
        text.insert_str(line_end(self.text, behind.key.span.end), &format!("\n{pair}"));
        Ok(Step::Done(text))
    }

    /// Returns the template's item of what was edited.
    fn own_item(&self) -> Option<&Node> {
        let Part { environment, kind, name } = self.taken.part;
        let within = |environment: &String| named(self.root.get("environments"), environment);
        match (environment, kind) {
            (None, PartKind::Plugin(list)) => named(self.root.at(&["plugins", list]), name),
            (Some(environment), PartKind::Plugin(list)) => {
                named(within(environment)?.at(&["config", "plugins", list]), name)
            }
            (None, PartKind::Environment) => named(self.root.get("environments"), name),
            (None, PartKind::Job) => named(self.root.get("jobs"), name),
            (None, PartKind::Schedule) => named(self.root.get("schedules"), name),
            (_, PartKind::Setting) | (Some(_), PartKind::Environment | PartKind::Job | PartKind::Schedule) => None,
        }
    }

    fn own_pair(&self) -> Option<&crate::yaml::Pair> {
        pair_of(self.taken.part, self.root)
    }

    /// Tells whether a part of the template is literal text that can be replaced.
    fn is_plain(&self, span: &Clever) -> bool {
        let mut within = self.tags.iter().filter(|tag| tag.span.start < span.end && tag.span.end > span.start);
        within.all(|tag| tag.kind == TagKind::Raw)
    }

    fn changed(&self) -> Result<String, Clever> {
        if let Some(pair) = self.own_pair().filter(|_| self.taken.part.kind == PartKind::Setting) {
            let span = pair.key.span.start..line_end(self.text, pair.span().end);
            let new = self.taken.pair(column(self.text, span.start)).filter(|_| self.is_plain(&span));
            return Ok(self.replaced(&span, new.ok_or(span.clone())?.trim_start()));
        }
        let item = self.own_item().ok_or(0..0)?;
        let width = dash(self.text, item.span.start);
        let span = line_start(self.text, item.span.start)..line_end(self.text, item.span.end);
        if self.is_plain(&span) {
            let new = self.taken.bare_item(width).ok_or(span.clone())?;
            return Ok(self.replaced(&span, &new));
        }
        // Parts of it belong to an integration: only the template's own text changes.
        let mut text = self.text.to_owned();
        let changes = self.taken.changes(
            self.document,
            item,
            column(self.text, item.pairs().first().ok_or(0..0)?.key.span.start),
        );
        let after_name = item.pair("name").map(|name| line_end(self.text, name.value.span.end)).ok_or(0..0)?;
        for (key, new) in changes.into_iter().rev() {
            match (item.pair(&key), new) {
                (Some(pair), new) => {
                    let span = line_start(self.text, pair.key.span.start)..line_end(self.text, pair.span().end);
                    if !self.is_plain(&span) || !self.text[span.start..pair.key.span.start].trim().is_empty() {
                        return Err(span);
                    }
                    match new {
                        Some(new) => text.replace_range(span, &new),
                        None => text.replace_range(span.start - 1..span.end, ""),
                    }
                }
                (None, Some(new)) => text.insert_str(after_name, &format!("\n{new}")),
                (None, None) => {}
            }
        }
        Ok(text)
    }

    fn removed(&self) -> Result<String, Clever> {
        if let Some(pair) = self.own_pair().filter(|_| self.taken.part.kind == PartKind::Setting) {
            let span = line_start(self.text, pair.key.span.start)..line_end(self.text, pair.span().end);
            return if self.is_plain(&span) { Ok(self.without(span)) } else { Err(span) };
        }
        let item = self.own_item().ok_or(0..0)?;
        let span = line_start(self.text, item.span.start)..line_end(self.text, item.span.end);
        if !self.is_plain(&span) {
            return Err(span);
        }
        // The key goes with the last item of its list, because Meltano rejects a key without a value.
        let list = self.frame().list_of(item).filter(|list| list.value.items().len() == 1);
        let of_list = list.map(|list| line_start(self.text, list.key.span.start)..line_end(self.text, item.span.end));
        Ok(self.without(of_list.filter(|span| self.is_plain(span)).unwrap_or(span)))
    }

    fn without(&self, span: Clever) -> String {
        self.replaced(&(span.start.saturating_sub(1)..span.end), "")
    }

    fn replaced(&self, span: &Clever, new: &str) -> String {
        format!("{}{new}{}", &self.text[..span.start], &self.text[span.end..])
    }
}

/// Returns the key and the value of a setting in a document.
fn pair_of<'a>(part: &Part, root: &'a Node) -> Option<&'a crate::yaml::Pair> {
    let Some(environment) = &part.environment else { return root.pair(&part.name) };
    let item = named(root.get("environments"), environment)?;
    match part.config_key() {
        Some(key) => item.get("config")?.pair(key),
        None => item.pair(&part.name),
    }
}

/// Returns the item of a list that has a name.
fn named<'a>(list: Option<&'a Node>, name: &str) -> Option<&'a Node> {
    list?.items().iter().find(|item| item.get("name").and_then(Node::text) == Some(name))
}

#[cfg(test)]
mod tests;
