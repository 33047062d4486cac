//! Quick fixes: replacing a misspelled word, and encrypting plain-text secrets.

use std::collections::BTreeMap;

use lsp_server::{Connection, Message, Request, RequestId};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, Command, ExecuteCommandParams, Range, TextEdit, Uri, WorkspaceEdit,
};
use serde_json::Value;

use super::ENCRYPT;
use super::completion::Response;
use super::diagnose::diagnostic;
use super::workspace::{self, Workspace};
use spile_core::problem::Problem;
use spile_ops::secrets::{self, SecretsFile};

/// The codes of problems about plain-text secrets.
const PLAIN: [&str; 2] = ["spile::secrets::plaintext", "spile::secrets::not_encrypted"];

pub(super) fn actions(desk: &Workspace, params: Value) -> Response {
    let params: CodeActionParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let uri = params.text_document.uri;
    let (Some(path), Some(project)) = (workspace::path(&uri), desk.project()) else { return Ok(Value::Null) };
    let mut found: Vec<CodeAction> = Vec::new();
    for problem in desk.problems(project.root(), &path) {
        let shown = diagnostic(problem, desk.encoding);
        if !touches(shown.range, params.range) {
            continue;
        }
        if let Some(meant) = meant(problem) {
            let edit = TextEdit { range: shown.range, new_text: meant.clone() };
            found.push(CodeAction {
                title: format!("Write {}", meant.trim_matches('"')),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![shown.clone()]),
                edit: Some(edits([(uri.clone(), vec![edit])])),
                is_preferred: Some(true),
                ..CodeAction::default()
            });
        }
        if PLAIN.contains(&problem.code().as_str()) {
            let title = "Encrypt the secrets of this file".to_owned();
            let arguments = Some(vec![Value::String(uri.as_str().to_owned())]);
            found.push(CodeAction {
                title: title.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![shown]),
                command: Some(Command { title, command: ENCRYPT.to_owned(), arguments }),
                ..CodeAction::default()
            });
        }
    }
    serde_json::to_value(found).map_err(|error| error.to_string())
}

fn touches(a: Range, b: Range) -> bool {
    let before = |a: Range, b: Range| (a.end.line, a.end.character) < (b.start.line, b.start.character);
    !before(a, b) && !before(b, a)
}

/// Returns the replacement that a problem's help suggests, quoted like the original.
fn meant(problem: &Problem) -> Option<String> {
    let word = problem.meant()?;
    let place = problem.place();
    let written = place.source.text().get(place.span.clone())?;
    match written.chars().next() {
        Some(quote @ ('"' | '\'')) => Some(format!("{quote}{word}{quote}")),
        _ => Some(word),
    }
}

/// Returns a workspace edit.
pub(super) fn edits(of: impl IntoIterator<Item = (Uri, Vec<TextEdit>)>) -> WorkspaceEdit {
    WorkspaceEdit { changes: Some(of.into_iter().collect()), ..WorkspaceEdit::default() }
}

pub(super) async fn execute(desk: &Workspace, params: Value, connection: &Connection) -> Response {
    let params: ExecuteCommandParams = serde_json::from_value(params).map_err(|error| error.to_string())?;
    let uri: Option<Uri> = params.arguments.first().and_then(Value::as_str).and_then(|uri| uri.parse().ok());
    let (Some(uri), ENCRYPT) = (uri, params.command.as_str()) else {
        return Err(format!("unknown command `{}`", params.command));
    };
    let project = desk.project().ok_or("this folder is not in a spile project")?;
    let path = workspace::path(&uri).ok_or("this is not a file")?;
    let relative = path.strip_prefix(project.root()).map_err(|_| "this file is not part of the project")?;
    let files = SecretsFile::all(&project).map_err(|error| error.to_string())?;
    let file =
        files.into_iter().find(|file| file.source.path() == relative).ok_or("this file is not an integration")?;
    let found = secrets::encrypted(desk.access(&project), &file).await;
    let told = |error: spile_ops::Error| {
        let help = miette::Diagnostic::help(&error).map(|help| format!(": {help}")).unwrap_or_default();
        format!("{error}{help}")
    };
    let Some((_, new_text)) = found.map_err(told)? else { return Ok(Value::Null) };
    let whole = desk.range(file.source.text(), 0..file.source.text().len());
    let edit = edits([(uri, vec![TextEdit { range: whole, new_text }])]);
    let params = BTreeMap::from([("edit", edit)]);
    let asked = Request::new(RequestId::from("spile-encrypt".to_owned()), "workspace/applyEdit".to_owned(), params);
    // An editor that has gone away applies nothing.
    let _ = connection.sender.send(Message::Request(asked));
    Ok(Value::Null)
}
