//! Completion and hover.

use std::path::Path;

use jiff::tz;
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit, Documentation, Hover, HoverContents,
    HoverParams, MarkupContent, MarkupKind, TextEdit,
};
use serde_json::Value;

use super::workspace::{self, Workspace};
use spile_core::assist::{self, CompletionContext, Cursor, Spot};
use spile_core::connector::{Connector, Role};
use spile_core::form::first_sentence;
use spile_ops as ops;
use spile_ops::Loaded;

/// A response, or the error message.
pub(super) type Response = Result<Value, String>;

pub(super) fn completion(desk: &Workspace, params: Value) -> Response {
    let params: CompletionParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let at = params.text_document_position;
    let Some(path) = workspace::path(&at.text_document.uri) else { return Ok(Value::Null) };
    let (Some(text), Some(loaded)) = (desk.text(&path), &desk.loaded) else { return Ok(Value::Null) };
    if !is_integration(&path) {
        return Ok(Value::Null);
    }
    let offset = desk.offset(&text, at.position);
    let (role, connector) = named(&text, loaded);
    let connectors: Vec<(String, String)> = loaded
        .catalog
        .names(role)
        .filter_map(|name| Some((name.to_owned(), first_sentence(&loaded.catalog.find(role, name)?.head.description))))
        .collect();
    let loaders: Vec<String> = loaded
        .integrations
        .by_slug()
        .filter(|one| one.role() == Role::Loader)
        .map(|one| one.slug.to_string())
        .collect();
    let streams = streams(desk, &path, loaded);
    let zones: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
    let known = CompletionContext {
        connector: connector.as_deref(),
        connectors: &connectors,
        loaders: &loaders,
        streams: &streams,
        zones: &zones,
    };
    let written = match Cursor::at(&text, offset).spot {
        Spot::Key(before) | Spot::Value { before, .. } => before.len(),
        Spot::Elsewhere => 0,
    };
    let range = desk.range(&text, offset - written..offset);
    let item = |offer: assist::Offer| CompletionItem {
        filter_text: Some(offer.text.clone()),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: offer.text })),
        label: offer.label,
        kind: Some(CompletionItemKind::VALUE),
        detail: Some(offer.detail).filter(|detail| !detail.is_empty()),
        documentation: Some(offer.what)
            .filter(|what| !what.is_empty())
            .map(|what| Documentation::MarkupContent(markdown(what))),
        ..CompletionItem::default()
    };
    let items: Vec<CompletionItem> = assist::offers(&text, offset, known).into_iter().map(item).collect();
    serde_json::to_value(items).map_err(|error| error.to_string())
}

pub(super) fn hover(desk: &Workspace, params: Value) -> Response {
    let params: HoverParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let at = params.text_document_position_params;
    let Some(path) = workspace::path(&at.text_document.uri).filter(|path| is_integration(path)) else {
        return Ok(Value::Null);
    };
    let (Some(text), Some(loaded)) = (desk.text(&path), &desk.loaded) else { return Ok(Value::Null) };
    let (_, connector) = named(&text, loaded);
    let said = assist::hover(&text, desk.offset(&text, at.position), connector.as_deref());
    let hover = said.map(|(said, span)| Hover {
        contents: HoverContents::Markup(markdown(said)),
        range: Some(desk.range(&text, span)),
    });
    serde_json::to_value(hover).map_err(|error| error.to_string())
}

fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

pub(super) fn is_integration(path: &Path) -> bool {
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    is_toml && path.components().any(|part| part.as_os_str() == "integrations")
}

/// Returns the role and the connector of a text. Reads it line by line, because it may be half-written.
fn named(text: &str, loaded: &Loaded) -> (Role, Option<std::sync::Arc<Connector>>) {
    let value = |key: &str| {
        let line = text.lines().find(|line| line.split_once('=').is_some_and(|(written, _)| written.trim() == key))?;
        Some(line.split_once('=')?.1.trim().trim_matches(['"', '\'']).to_owned())
    };
    let role = if value("kind").as_deref() == Some("loader") { Role::Loader } else { Role::Extractor };
    let connector = value("type").and_then(|name| loaded.catalog.find(role, &name));
    (role, connector)
}

/// Returns the streams that a file's source offers, if it was discovered.
fn streams(desk: &Workspace, path: &Path, loaded: &Loaded) -> Vec<spile_core::discovered::Stream> {
    let slug = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.split('.').next());
    let integration = slug.and_then(|slug| loaded.integrations.find(slug));
    let (Some(integration), Some(project)) = (integration, desk.project()) else { return Vec::new() };
    let environment = &loaded.settings.default_environment;
    let found = ops::discover::found(project.root(), loaded, integration, environment);
    found.ok().flatten().map(|found| found.streams).unwrap_or_default()
}
