//! The state of the language server: the project, and the editor's open buffers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsp_server::{Connection, Message};
use lsp_types::notification::{Notification as _, PublishDiagnostics};
use lsp_types::{Position, PublishDiagnosticsParams, Range, Uri};

use super::diagnose::{Diagnostics, diagnostics};
use super::range::range;
use crate::cli::Global;
use spile_core::assist::{Encoding, offset};
use spile_core::problem::Report;
use spile_ops::secrets::Access;
use spile_ops::{self as ops, Error, Loaded};
use spile_world::{Keys, Program, Project};

pub(super) struct Workspace {
    global: Global,
    keys: Keys,
    program: Program,
    pub(super) encoding: Encoding,
    /// The open buffers, by path.
    open: BTreeMap<PathBuf, String>,
    /// The files with published diagnostics, which must be cleared once they have no problems.
    published: BTreeSet<PathBuf>,
    /// The problems of the last check.
    report: Report,
    /// The project when it was last valid, from which to complete names.
    pub(super) loaded: Option<Arc<Loaded>>,
}

impl Workspace {
    pub(super) fn new(global: Global, keys: Keys, program: Program) -> Self {
        Self {
            global,
            keys,
            program,
            encoding: Encoding::Utf16,
            open: BTreeMap::new(),
            published: BTreeSet::new(),
            report: Report::default(),
            loaded: None,
        }
    }

    pub(super) fn open(&mut self, uri: &Uri, text: String) {
        self.open.extend(path(uri).map(|path| (path, text)));
    }

    pub(super) fn close(&mut self, uri: &Uri) {
        if let Some(path) = path(uri) {
            self.open.remove(&path);
        }
    }

    /// Returns the project with the open buffers in place of the files on disk: the project of the folder that the
    /// server was started in, or of an open file.
    pub(super) fn project(&self) -> Option<Project> {
        let of_a_file = || self.open.keys().find_map(|path| Project::find(path.parent()?).ok());
        let project = self.global.project().ok().or_else(of_a_file)?;
        let root = project.root().canonicalize().unwrap_or_else(|_| project.root().to_owned());
        let mut project = Project::at(root.clone());
        for (path, text) in &self.open {
            if let Ok(relative) = path.strip_prefix(&root) {
                project = project.with(relative, text.clone());
            }
        }
        Some(project)
    }

    pub(super) fn access<'a>(&'a self, project: &'a Project) -> Access<'a> {
        Access { project, keys: &self.keys, program: &self.program, now: jiff::Timestamp::now() }
    }

    /// Returns the problems of a file.
    pub(super) fn problems(&self, root: &Path, path: &Path) -> impl Iterator<Item = &spile_core::problem::Problem> {
        let path = path.strip_prefix(root).unwrap_or(path).to_owned();
        self.report.problems().iter().filter(move |problem| problem.source.path() == path)
    }

    /// Checks the project and publishes diagnostics.
    pub(super) fn publish(&mut self, connection: &Connection) {
        let Some(project) = self.project() else { return };
        match ops::check(&project) {
            Ok(mut loaded) => {
                self.report = std::mem::take(&mut loaded.advice);
                self.loaded = Some(Arc::new(loaded));
            }
            Err(Error::Problems(report)) => self.report = report,
            Err(_) => return,
        }
        let found = diagnostics(&self.report, self.encoding);
        let now: BTreeSet<PathBuf> = found.keys().map(|path| project.root().join(path)).collect();
        let gone: Vec<PathBuf> = self.published.difference(&now).cloned().collect();
        for path in gone {
            send(connection, &path, Vec::new());
        }
        for (path, found) in found {
            send(connection, &project.root().join(path), found);
        }
        self.published = now;
    }

    /// Returns the text of a file: its open buffer, or the file on disk.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        self.open.get(path).cloned().or_else(|| {
            let project = self.project()?;
            project.text(path.strip_prefix(project.root()).ok()?).ok()
        })
    }

    pub(super) fn range(&self, text: &str, span: std::ops::Range<usize>) -> Range {
        range(text, span, self.encoding)
    }

    pub(super) fn offset(&self, text: &str, at: Position) -> usize {
        offset(text, at.line, at.character, self.encoding)
    }
}

fn send(connection: &Connection, path: &Path, found: Diagnostics) {
    let Some(uri) = uri(path) else { return };
    let params = PublishDiagnosticsParams { uri, diagnostics: found, version: None };
    let said = lsp_server::Notification::new(PublishDiagnostics::METHOD.to_owned(), params);
    // An editor that has gone away does not need diagnostics.
    let _ = connection.sender.send(Message::Notification(said));
}

/// Returns the path of a URI.
pub(super) fn path(uri: &Uri) -> Option<PathBuf> {
    url::Url::parse(uri.as_str()).ok()?.to_file_path().ok()
}

/// Returns the URI of a path.
pub(super) fn uri(path: &Path) -> Option<Uri> {
    url::Url::from_file_path(path).ok()?.as_str().parse().ok()
}
