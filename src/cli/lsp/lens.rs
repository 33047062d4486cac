//! Code lenses (test, sync) and inlay hints (the next run).

use std::sync::Arc;

use lsp_types::{
    CodeLens, CodeLensParams, Command, InlayHint, InlayHintLabel, InlayHintParams, Range, TextDocumentIdentifier,
};
use serde_json::{Value, json};

use super::completion::{Response, is_integration};
use super::symbol::entries;
use super::workspace::{self, Workspace};
use spile_core::connector::Role;
use spile_core::integration::{Integration, Timetable};
use spile_core::name::EnvironmentName;

/// An open integration file.
struct Opened {
    integration: Arc<Integration>,
    /// The environment of an overlay, or the default one.
    environment: EnvironmentName,
    text: String,
}

/// Returns the commands above an integration. The editor runs them, in a terminal.
pub(super) fn lenses(desk: &Workspace, params: Value) -> Response {
    let params: CodeLensParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let Some(opened) = opened(desk, &params.text_document) else { return Ok(Value::Null) };
    let lens = |(title, command): (&str, &str)| CodeLens {
        range: Range::default(),
        command: Some(Command {
            title: title.to_owned(),
            command: command.to_owned(),
            arguments: Some(vec![json!(opened.integration.slug), json!(opened.environment)]),
        }),
        data: None,
    };
    let syncs =
        opened.integration.role() == Role::Extractor && opened.integration.at(&opened.environment).loader.is_some();
    let sync = syncs.then_some(("Sync", "spile.sync"));
    let lenses: Vec<CodeLens> = [("Test", "spile.test")].into_iter().chain(sync).map(lens).collect();
    serde_json::to_value(lenses).map_err(|error| error.to_string())
}

/// Returns the next run beside a schedule.
pub(super) fn hints(desk: &Workspace, params: Value) -> Response {
    let params: InlayHintParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let hint = opened(desk, &params.text_document).and_then(|opened| {
        let entry = entries(&opened.text).find(|entry| entry.table.is_empty() && entry.key == "schedule")?;
        let label = next_run(&opened)?;
        // After the closing quote.
        let position = desk.range(&opened.text, entry.at.end + 1..entry.at.end + 1).start;
        Some(InlayHint {
            position,
            label: InlayHintLabel::String(label),
            kind: None,
            text_edits: None,
            tooltip: None,
            padding_left: Some(true),
            padding_right: None,
            data: None,
        })
    });
    serde_json::to_value(hint.into_iter().collect::<Vec<_>>()).map_err(|error| error.to_string())
}

fn next_run(opened: &Opened) -> Option<String> {
    let is_enabled = opened.integration.at(&opened.environment).enabled;
    let timetable = Timetable::of(&opened.integration, &opened.environment).filter(|_| is_enabled)?;
    let next = timetable.next_after(jiff::Timestamp::now())?.at.to_zoned(timetable.timing.zone.clone());
    Some(format!("next run: {}", next.strftime("%Y-%m-%d %H:%M %Z")))
}

fn opened(desk: &Workspace, document: &TextDocumentIdentifier) -> Option<Opened> {
    let path = workspace::path(&document.uri).filter(|path| is_integration(path))?;
    let loaded = desk.loaded.as_deref()?;
    let (slug, environment) = path.file_stem()?.to_str().map(|stem| stem.split_once('.').unwrap_or((stem, "")))?;
    let integration = loaded.integrations.find(slug)?.clone();
    let environment = environment.parse().unwrap_or_else(|_| loaded.settings.default_environment.clone());
    Some(Opened { integration, environment, text: desk.text(&path)? })
}
