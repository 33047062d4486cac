//! Finds the line that explains a failure, among tracebacks, banners, and advice.

use std::collections::BTreeMap;

use super::{Level, Speaker};

/// The most characters of a reason, which is shown in a table and in a sentence.
const LONGEST: usize = 400;

/// The start of lines that look like a reason but explain nothing.
const EMPTY: [&str; 14] = [
    "Extractor failed",
    "Loader failed",
    "Extractor and loader failed",
    "Plugin configuration is invalid",
    "The above exception was",
    "(Background on this error",
    "Need help fixing this problem",
    "Run 'meltano config ",
    "NoneType: None",
    "Skipping parse of env var settings",
    "Try 'meltano",
    "Environment '",
    "Using logging configuration from ",
    "Incremental state has been updated at ",
];

/// The line between two tracebacks if a handler of the first exception raised the second.
const IN_HANDLER: &str = "During handling of the above exception";

/// Possible reasons for a failure, by the program that gave them.
#[derive(Debug, Default)]
pub(super) struct Reasons(BTreeMap<Speaker, Heard>);

/// Why plugins failed.
pub(super) struct Reason {
    /// The plugin that gave the reason; `None` if no plugin did.
    pub(super) speaker: Option<Speaker>,
    pub(super) text: String,
}

/// The reasons of one program. Later lines replace earlier ones: the last exception of a chain is the one that ended
/// it.
#[derive(Debug, Default)]
struct Heard {
    in_traceback: bool,
    follows_a_place: bool,
    in_handler: bool,
    /// An exception, or a line marked as an error.
    strong: Option<String>,
    /// Any line that is not marked as harmless.
    weak: Option<String>,
}

impl Reasons {
    /// Reads the output of a program, line by line.
    pub(super) fn hear(&mut self, speaker: Speaker, level: Level, text: &str) {
        let heard = self.0.entry(speaker).or_default();
        let mut loud = level;
        for line in text.lines() {
            let is_reason = heard.line(line, loud);
            // The first of several lines explains the failure, unless it only introduces a plugin's output.
            if is_reason && !line.ends_with("with stderr:") {
                loud = Level::Info;
            }
        }
        if speaker == Speaker::Meltano && level == Level::Error {
            heard.in_traceback = false;
        }
    }

    /// Returns the reason for these exit codes.
    ///
    /// If both plugins failed, the target's reason is preferred, because a target that dies breaks the tap's pipe.
    pub(super) fn of_plugins(&self, codes: &BTreeMap<Speaker, i64>) -> Reason {
        let failed = [Speaker::Target, Speaker::Tap].into_iter().filter(|speaker| codes.contains_key(speaker));
        let failed: Vec<_> = failed.collect();
        let of = |pick: fn(&Heard) -> Option<&String>| {
            failed.iter().find_map(|speaker| {
                let text = self.0.get(speaker).and_then(pick)?.clone();
                Some(Reason { speaker: Some(*speaker), text })
            })
        };
        of(|heard| heard.strong.as_ref()).or_else(|| of(|heard| heard.weak.as_ref())).unwrap_or_else(|| {
            let said = failed.iter().map(|speaker| {
                let plugin = if *speaker == Speaker::Tap { "extractor" } else { "loader" };
                format!("the {plugin} exited with code {} without an error message", codes[speaker])
            });
            Reason { speaker: None, text: said.collect::<Vec<_>>().join("; ") }
        })
    }

    /// Returns the best reason that a program gave.
    pub(super) fn last_words(&self, speaker: Speaker) -> Option<&str> {
        let heard = self.0.get(&speaker)?;
        heard.strong.as_deref().or(heard.weak.as_deref())
    }

    /// Returns the best reason, whichever program gave it.
    pub(super) fn best(&self) -> Option<String> {
        // Meltano comes last, because its message about a plugin that it could not start quotes the plugin.
        let order = [Speaker::Target, Speaker::Tap, Speaker::Meltano];
        let of = |pick: fn(&Heard) -> Option<&String>| {
            order.iter().find_map(|speaker| self.0.get(speaker).and_then(pick)).cloned()
        };
        of(|heard| heard.strong.as_ref()).or_else(|| of(|heard| heard.weak.as_ref()))
    }
}

impl Heard {
    /// Reads a line. Returns whether it is a reason only because Meltano logged it as an error.
    fn line(&mut self, line: &str, level: Level) -> bool {
        let text = line.trim();
        if text.ends_with("Traceback (most recent call last):") {
            self.in_traceback = true;
        } else if text.starts_with(IN_HANDLER) {
            self.in_handler = true;
        } else if text.is_empty() || is_banner(text) || EMPTY.iter().any(|empty| text.starts_with(empty)) {
        } else if self.in_traceback {
            // The lines of a traceback are indented; the first one that is not is the exception. In a discovery,
            // Meltano strips the indents; there, a line of code follows each place.
            let is_place = text.starts_with("File \"");
            let is_code = std::mem::replace(&mut self.follows_a_place, is_place) && !is_exception(text);
            if !line.starts_with([' ', '\t']) && !is_drawing(text) && !is_place && !is_code {
                self.in_traceback = false;
                let hides_another = std::mem::take(&mut self.in_handler) && is_slip(text);
                if !hides_another || self.strong.is_none() {
                    self.strong = Some(short(exception(text)));
                }
            }
        } else if let Some(message) = marked(text) {
            self.strong = Some(short(message));
        } else if level == Level::Error {
            self.strong = Some(short(sentence(text)));
            return true;
        } else if !is_harmless(text) {
            self.weak = Some(short(text));
        }
        false
    }
}

/// Recognizes Meltano's first line: `Meltano 4.4.1, Python 3.11.7, Linux (x86_64)`.
fn is_banner(text: &str) -> bool {
    text.starts_with("Meltano ") && text.contains(", Python ")
}

/// Recognizes the markers under a line of a traceback.
fn is_drawing(text: &str) -> bool {
    text.chars().all(|character| matches!(character, '^' | '~' | ' ' | '|' | '+' | '-'))
}

/// Tells whether a line is an exception rather than code: `sqlalchemy.exc.OperationalError: no`.
fn is_exception(text: &str) -> bool {
    let class = text.split_once(": ").map_or(text, |(class, _)| class);
    let is_name = class.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_'));
    is_name && ["Error", "Exception"].iter().any(|end| class.ends_with(end))
}

/// Recognizes an exception that a handler of another one raised by mistake: the other one is the reason. tap-salesforce reads
/// the response of a connection that broke, and there is none.
fn is_slip(text: &str) -> bool {
    ["AttributeError: 'NoneType'", "TypeError: 'NoneType'", "NameError: ", "UnboundLocalError: "]
        .iter()
        .any(|start| text.starts_with(start))
}

/// Returns an exception without its class, if the class has a module's name and the message says more.
///
/// `sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) no route` becomes `no route`, but `KeyError: 'id'`
/// stays.
fn exception(text: &str) -> &str {
    let Some((class, message)) = text.split_once(": ") else { return text };
    let is_class = class.contains('.') && class.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_'));
    if !is_class || message.trim().is_empty() {
        return text;
    }
    let message = message.trim();
    match message.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((inner, rest)) if inner.contains('.') && !inner.contains(' ') => rest,
        Some(_) | None => message,
    }
}

/// Returns the message of a line that a logger marked as an error: `CRITICAL no`, `ERROR:root:no`, `2026-01-01
/// 10:00:00,000 | ERROR    | tap-x | no`, `[ERROR] no`.
fn marked(text: &str) -> Option<&str> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let found = ["CRITICAL", "ERROR", "FATAL"].into_iter().filter_map(|word| {
        let start = text.find(word)?;
        let end = start + word.len();
        let stands_alone = is_edge(text[..start].chars().next_back()) && is_edge(text[end..].chars().next());
        // Further into the line, it is a word of the message.
        (start < 60 && stands_alone).then_some((start, end))
    });
    let (_, end) = found.min()?;
    let rest = &text[end..];
    let message = match rest.trim_start().strip_prefix('|').and_then(|rest| rest.split_once(" | ")) {
        Some((_, message)) => message,
        None => match rest.strip_prefix(':').and_then(|rest| rest.split_once(':')) {
            Some((logger, message)) if !logger.contains(' ') => message,
            Some(_) | None => rest,
        },
    };
    let message = message.trim_start_matches([' ', ':', ']', '|', '-']).trim();
    Some(if message.is_empty() { text } else { message })
}

/// Returns Meltano's message without its advice, which uses names that are not in the user's files.
fn sentence(text: &str) -> &str {
    let text = text.strip_prefix("Error: ").unwrap_or(text);
    let text = text.split_once(": command [").map_or(text, |(before, _)| before);
    text.split_once(" using 'meltano ").map_or(text, |(before, _)| before)
}

fn is_harmless(text: &str) -> bool {
    let start: String = text.chars().take(60).collect();
    ["INFO", "DEBUG", "WARNING", "WARN", "METRIC"].iter().any(|word| start.contains(word))
}

fn without_queries(text: &str) -> String {
    let is_address = |word: &str| word.contains("https://") || word.contains("http://");
    let word = |word: &str| match word.split_once('?') {
        Some((address, query)) if is_address(address) && query.len() > 20 => {
            let end = &query[query.trim_end_matches([',', '.', ')', '\'', '"', ':']).len()..];
            format!("{address}?…{end}")
        }
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Returns a reason without the queries of addresses, which may be long, and cut where it is too long.
fn short(text: &str) -> String {
    let text = &without_queries(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
