//! Renaming an integration: its files, and the `loader` of others that name it.

use lsp_types::{
    DocumentChangeOperation, DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, Position, Range,
    RenameFile, RenameParams, ResourceOp, TextDocumentEdit, TextEdit, Uri, WorkspaceEdit,
};
use serde_json::Value;

use super::completion::{Response, is_integration};
use super::workspace::{self, Workspace};
use spile_core::assist::{Cursor, Spot};
use spile_core::integration::Integration;
use spile_core::name::Slug;

/// Renames the integration of a file, or the loader under the cursor.
pub(super) fn rename(desk: &Workspace, params: Value) -> Response {
    let params: RenameParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let new: Slug = params.new_name.parse().map_err(|error: spile_core::name::NotAName| error.to_string())?;
    let at = params.text_document_position;
    let path = workspace::path(&at.text_document.uri).filter(|path| is_integration(path));
    let path = path.ok_or("only integrations can be renamed")?;
    let text = desk.text(&path).ok_or("the file cannot be read")?;
    let loaded = desk.loaded.as_ref().ok_or("the project has problems: fix them first")?;
    let offset = desk.offset(&text, at.position);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_loader = matches!(Cursor::at(&text, offset), Cursor { table: "", spot: Spot::Value { key: "loader", .. } });
    let old = match Cursor::word(&text, offset).filter(|_| is_loader) {
        Some((word, _)) => word,
        None => stem.split('.').next().unwrap_or_default(),
    };
    let integration = loaded.integrations.find(old).ok_or_else(|| format!("no integration is named `{old}`"))?;
    if loaded.integrations.find(new.as_str()).is_some() {
        return Err(format!("`{new}` already exists"));
    }
    let changes = changes(desk, integration, &new).ok_or("its files cannot be read")?;
    let edit =
        WorkspaceEdit { document_changes: Some(DocumentChanges::Operations(changes)), ..WorkspaceEdit::default() };
    serde_json::to_value(edit).map_err(|error| error.to_string())
}

fn changes(desk: &Workspace, integration: &Integration, new: &Slug) -> Option<Vec<DocumentChangeOperation>> {
    let loaded = desk.loaded.as_ref()?;
    let project = desk.project()?;
    let mut changes = Vec::new();
    for one in loaded.integrations.by_slug() {
        let overlays = one.overlays.keys().map(|environment| one.path.with_extension(format!("{environment}.toml")));
        for path in std::iter::once(one.path.clone()).chain(overlays) {
            let full = project.root().join(&path);
            let Some(text) = desk.text(&full) else { continue };
            let edits = named(desk, &text, integration.slug.as_str(), new);
            changes.extend((!edits.is_empty()).then(|| edit(workspace::uri(&full), edits)).flatten());
        }
    }
    let full = project.root().join(&integration.path);
    let text = desk.text(&full)?;
    let says_id = text.lines().any(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == "id"));
    if !says_id {
        // Without an `id`, a new name makes a new integration, whose bookmarks start over.
        let start = Range { start: Position::default(), end: Position::default() };
        let line = TextEdit { range: start, new_text: format!("id = \"{}\"\n", integration.id) };
        changes.extend(edit(workspace::uri(&full), vec![line]));
    }
    let folder = full.parent()?;
    for entry in project.door().ok()?.entries(integration.path.parent()?).ok()? {
        let name = entry.name;
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(integration.slug.as_str())) else { continue };
        if rest.starts_with('.') {
            let (old, new) =
                (workspace::uri(&folder.join(&name))?, workspace::uri(&folder.join(format!("{new}{rest}")))?);
            let moved = RenameFile { old_uri: old, new_uri: new, options: None, annotation_id: None };
            changes.push(DocumentChangeOperation::Op(ResourceOp::Rename(moved)));
        }
    }
    Some(changes)
}

fn edit(uri: Option<Uri>, edits: Vec<TextEdit>) -> Option<DocumentChangeOperation> {
    let text_document = OptionalVersionedTextDocumentIdentifier { uri: uri?, version: None };
    let edits = edits.into_iter().map(OneOf::Left).collect();
    Some(DocumentChangeOperation::Edit(TextDocumentEdit { text_document, edits }))
}

/// Returns the edits of `loader = "old"` in a text.
fn named(desk: &Workspace, text: &str, old: &str, new: &Slug) -> Vec<TextEdit> {
    let mut start = 0;
    let mut edits = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            // The top-level keys end here.
            break;
        }
        if let Some((key, value)) = line.split_once('=')
            && key.trim() == "loader"
            && let Some(at) = value.find(old).filter(|_| value.trim().trim_matches(['"', '\'']) == old)
        {
            let from = start + key.len() + 1 + at;
            edits.push(TextEdit { range: desk.range(text, from..from + old.len()), new_text: new.to_string() });
        }
        start += line.len();
    }
    edits
}
