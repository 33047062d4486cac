//! `spile lsp`: the language server, over standard input and output.
//!
//! Its diagnostics are the problems of `check`, with the editor's open buffers in place of the files on disk.

mod actions;
mod completion;
mod diagnose;
mod lens;
mod navigate;
mod range;
mod rename;
mod symbol;
mod workspace;

use lsp_server::{Connection, Message, Notification, Request, Response};
use lsp_types::notification::{DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _};
use lsp_types::{
    CodeActionOptions, CodeActionProviderCapability, CodeLensOptions, CompletionOptions, DocumentLinkOptions,
    ExecuteCommandOptions, FoldingRangeProviderCapability, HoverProviderCapability, InitializeParams, OneOf,
    PositionEncodingKind, ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind,
    WorkDoneProgressOptions,
};

use super::{Global, Output, keys, program};
use spile_core::assist::Encoding;
use spile_ops::Error;
use spile_world::files::io_error::IoError;
use workspace::Workspace;

/// Start the language server for editors: diagnostics, completion, navigation, quick fixes, rename
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Talk over standard input and output; the only way there is
    #[arg(long, hide = true)]
    stdio: bool,
}

/// The command that encrypts the plain-text secrets of a file.
const ENCRYPT: &str = "spile.encrypt";

pub(super) async fn exec(_: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (connection, threads) = Connection::stdio();
    let served = serve(&connection, Workspace::new(global.clone(), keys(output), program())).await;
    drop(connection);
    threads.join().map_err(IoError::of("serve", "the editor"))?;
    served
}

/// Whether the editor has the commands `spile.test` and `spile.sync`, which code lenses name.
#[derive(Debug, Clone, Copy)]
enum Lenses {
    Run,
    Unknown,
}

impl Lenses {
    fn of(options: Option<&serde_json::Value>) -> Self {
        match options.map(|options| &options["runs"]) {
            Some(serde_json::Value::Bool(true)) => Self::Run,
            _ => Self::Unknown,
        }
    }
}

/// Serves until the editor shuts the server down or goes away.
async fn serve(connection: &Connection, mut desk: Workspace) -> Result<u8, Error> {
    let Ok((id, params)) = connection.initialize_start() else { return Ok(1) };
    let params: InitializeParams = serde_json::from_value(params).unwrap_or_default();
    let offered = params.capabilities.general.and_then(|general| general.position_encodings).unwrap_or_default();
    if offered.contains(&PositionEncodingKind::UTF8) {
        desk.encoding = Encoding::Utf8;
    }
    let lenses = Lenses::of(params.initialization_options.as_ref());
    let welcome = serde_json::json!({
        "capabilities": capabilities(desk.encoding, lenses),
        "serverInfo": { "name": "spile", "version": env!("CARGO_PKG_VERSION") },
    });
    if connection.initialize_finish(id, welcome).is_err() {
        return Ok(1);
    }
    desk.publish(connection);
    while let Ok(message) = connection.receiver.recv() {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).unwrap_or(true) {
                    return Ok(0);
                }
                let answer = answer(&desk, request, connection).await;
                // An editor that has gone away does not need the response.
                let _ = connection.sender.send(Message::Response(answer));
            }
            Message::Notification(said) => {
                heard(&mut desk, said);
                // Wait for the last of several edits before checking.
                if connection.receiver.is_empty() {
                    desk.publish(connection);
                }
            }
            Message::Response(_) => {}
        }
    }
    // The editor went away without a shutdown request.
    Ok(1)
}

fn capabilities(encoding: Encoding, lenses: Lenses) -> ServerCapabilities {
    let triggers = ["\"", "'", ".", "=", "!", "["].map(str::to_owned).into();
    ServerCapabilities {
        position_encoding: Some(match encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        }),
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(triggers),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions::default())),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_link_provider: Some(DocumentLinkOptions {
            resolve_provider: None,
            work_done_progress_options: WorkDoneProgressOptions::default(),
        }),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        inlay_hint_provider: Some(OneOf::Left(true)),
        code_lens_provider: match lenses {
            Lenses::Run => Some(CodeLensOptions { resolve_provider: None }),
            Lenses::Unknown => None,
        },
        rename_provider: Some(OneOf::Left(true)),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: vec![ENCRYPT.to_owned()],
            ..ExecuteCommandOptions::default()
        }),
        ..ServerCapabilities::default()
    }
}

fn heard(desk: &mut Workspace, said: Notification) {
    match said.method.as_str() {
        DidOpenTextDocument::METHOD => {
            if let Ok(params) = said.extract::<lsp_types::DidOpenTextDocumentParams>(DidOpenTextDocument::METHOD) {
                desk.open(&params.text_document.uri, params.text_document.text);
            }
        }
        DidChangeTextDocument::METHOD => {
            if let Ok(mut params) =
                said.extract::<lsp_types::DidChangeTextDocumentParams>(DidChangeTextDocument::METHOD)
                && let Some(change) = params.content_changes.pop()
            {
                desk.open(&params.text_document.uri, change.text);
            }
        }
        DidCloseTextDocument::METHOD => {
            if let Ok(params) = said.extract::<lsp_types::DidCloseTextDocumentParams>(DidCloseTextDocument::METHOD) {
                desk.close(&params.text_document.uri);
            }
        }
        // Files saved or changed on disk are read at the next check.
        _ => {}
    }
}

async fn answer(desk: &Workspace, request: Request, connection: &Connection) -> Response {
    let Request { id, method, params } = request;
    let found = match method.as_str() {
        "textDocument/completion" => completion::completion(desk, params),
        "textDocument/hover" => completion::hover(desk, params),
        "textDocument/codeAction" => actions::actions(desk, params),
        "textDocument/definition" => navigate::definition(desk, params),
        "textDocument/references" => navigate::references(desk, params),
        "textDocument/documentLink" => navigate::links(desk, params),
        "textDocument/foldingRange" => navigate::folds(desk, params),
        "textDocument/codeLens" => lens::lenses(desk, params),
        "textDocument/inlayHint" => lens::hints(desk, params),
        "textDocument/rename" => rename::rename(desk, params),
        "workspace/executeCommand" => actions::execute(desk, params, connection).await,
        _ => {
            return Response::new_err(
                id,
                lsp_server::ErrorCode::MethodNotFound as i32,
                format!("unknown method `{method}`"),
            );
        }
    };
    match found {
        Ok(value) => Response::new_ok(id, value),
        Err(sentence) => Response::new_err(id, lsp_server::ErrorCode::RequestFailed as i32, sentence),
    }
}
