//! Definitions, references, links and folding.

use std::path::PathBuf;

use lsp_types::{
    DocumentLink, DocumentLinkParams, FoldingRange, FoldingRangeKind, FoldingRangeParams, GotoDefinitionParams,
    Location, ReferenceParams, TextDocumentPositionParams, Uri,
};
use serde_json::Value;

use super::completion::Response;
use super::symbol::{Mention, Mentioned, Symbol, mentions, tables};
use super::workspace::{self, Workspace};
use spile_core::problem::Problems;
use spile_world::Project;
use spile_world::files::project::SETTINGS;

/// Returns the place that declares the name under the cursor.
pub(super) fn definition(desk: &Workspace, params: Value) -> Response {
    let params: GotoDefinitionParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let found = symbol(desk, &params.text_document_position_params).and_then(|symbol| declared(desk, &symbol));
    serde_json::to_value(found).map_err(|error| error.to_string())
}

/// Returns all mentions of the name under the cursor.
pub(super) fn references(desk: &Workspace, params: Value) -> Response {
    let params: ReferenceParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let Some(symbol) = symbol(desk, &params.text_document_position) else { return Ok(Value::Null) };
    let with_declaration = params.context.include_declaration;
    let found = places(desk, &symbol, |mention| with_declaration || mention.mentioned == Mentioned::Used);
    serde_json::to_value(found).map_err(|error| error.to_string())
}

/// Returns the names in a file that lead to another file or to the documentation of a connector.
pub(super) fn links(desk: &Workspace, params: Value) -> Response {
    let params: DocumentLinkParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let Some((path, text)) = file(desk, &params.text_document.uri) else { return Ok(Value::Null) };
    let used =
        mentions(&path, &text).into_iter().filter(|one| one.mentioned == Mentioned::Used && !one.span.is_empty());
    let link = |mention: Mention| {
        let target = declared(desk, &mention.symbol).map(|place| place.uri).or_else(|| docs(desk, &mention.symbol))?;
        let range = desk.range(&text, mention.span);
        Some(DocumentLink { range, target: Some(target), tooltip: None, data: None })
    };
    serde_json::to_value(used.filter_map(link).collect::<Vec<_>>()).map_err(|error| error.to_string())
}

/// Returns a fold for each table. Those of encrypted values are regions, which editors can fold at once.
pub(super) fn folds(desk: &Workspace, params: Value) -> Response {
    let params: FoldingRangeParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let path = workspace::path(&params.text_document.uri);
    let Some(text) = path.and_then(|path| desk.text(&path)) else { return Ok(Value::Null) };
    let starts: Vec<usize> = tables(&text).map(|table| table.start).collect();
    let fold = |(number, table): (usize, super::symbol::Table<'_>)| {
        let end = starts.get(number + 1).map_or(text.len(), |next| *next);
        let range = desk.range(&text, table.start..table.start + text[table.start..end].trim_end().len());
        let is_encrypted = table.name == "secrets" || table.name == "sops" || table.name.starts_with("sops.");
        FoldingRange {
            start_line: range.start.line,
            end_line: range.end.line,
            kind: is_encrypted.then_some(FoldingRangeKind::Region),
            ..FoldingRange::default()
        }
    };
    let folds = tables(&text).enumerate().map(fold).filter(|fold| fold.start_line < fold.end_line);
    serde_json::to_value(folds.collect::<Vec<_>>()).map_err(|error| error.to_string())
}

/// Returns the symbol under a cursor.
fn symbol(desk: &Workspace, at: &TextDocumentPositionParams) -> Option<Symbol> {
    let (path, text) = file(desk, &at.text_document.uri)?;
    let offset = desk.offset(&text, at.position);
    let is_here = |mention: &Mention| mention.span.start <= offset && offset <= mention.span.end;
    mentions(&path, &text).into_iter().find(is_here).map(|mention| mention.symbol)
}

fn declared(desk: &Workspace, symbol: &Symbol) -> Option<Location> {
    places(desk, symbol, |mention| mention.mentioned == Mentioned::Declared).into_iter().next()
}

fn places(desk: &Workspace, symbol: &Symbol, is_wanted: impl Fn(&Mention) -> bool) -> Vec<Location> {
    let Some(project) = desk.project() else { return Vec::new() };
    let mut found = Vec::new();
    for path in paths(desk, &project) {
        let full = project.root().join(&path);
        let (Some(text), Some(uri)) = (desk.text(&full), workspace::uri(&full)) else { continue };
        let here = mentions(&path, &text).into_iter().filter(|mention| mention.symbol == *symbol && is_wanted(mention));
        found.extend(here.map(|mention| Location { uri: uri.clone(), range: desk.range(&text, mention.span) }));
    }
    found
}

/// Returns the files that contain names: `spile.toml`, integrations with their overlays, and the project's connectors.
fn paths(desk: &Workspace, project: &Project) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from(SETTINGS)];
    for one in desk.loaded.iter().flat_map(|loaded| loaded.integrations.by_slug()) {
        paths.push(one.path.clone());
        paths.extend(one.overlays.keys().map(|environment| one.path.with_extension(format!("{environment}.toml"))));
    }
    // Files that cannot be listed are reported by the check.
    paths.extend(project.connector_paths(&mut Problems::default()));
    paths
}

/// Returns the address of a connector's documentation.
fn docs(desk: &Workspace, symbol: &Symbol) -> Option<Uri> {
    let Symbol::Connector(role, name) = symbol else { return None };
    desk.loaded.as_ref()?.catalog.find(*role, name)?.head.docs.as_ref()?.parse().ok()
}

/// Returns the path of a file in the project, and its text.
fn file(desk: &Workspace, uri: &Uri) -> Option<(PathBuf, String)> {
    let full = workspace::path(uri)?;
    let project = desk.project()?;
    let relative = full.strip_prefix(project.root()).ok()?.to_owned();
    Some((relative, desk.text(&full)?))
}
