//! Starts a run, which continues after the client has left.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::app::App;
use super::project_view::ProjectView;
use super::refusal::{Refusal, internal};
use spile_core::name::Slug;
use spile_core::run::{Run, RunKind, StreamFilter};
use spile_ops::run::{From, Options, RefusalReason, RefusedRun};
use spile_ops::{self as ops, Event, RunSelection};

/// A run that somebody asks for.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// What it does.
    pub kind: RunKind,
    /// The integration.
    pub slug: Slug,
    /// Which streams a sync reads.
    pub streams: StreamFilter,
    /// From where it reads.
    pub from: From,
}

impl RunRequest {
    /// Asks for all streams, each from its bookmark.
    pub fn of(kind: RunKind, slug: &Slug) -> Self {
        Self { kind, slug: slug.clone(), streams: StreamFilter::default(), from: From::Bookmark }
    }
}

/// A run that started or waits for its turn.
pub struct Begun {
    /// Its id.
    pub id: Uuid,
    /// Whether it is waiting.
    pub is_waiting: bool,
    /// The finished run, or why it did not start.
    pub ended: oneshot::Receiver<Result<Run, Refusal>>,
}

/// Starts a run of one integration, and returns once it has started or waits for its turn.
///
/// # Errors
/// If the run is refused: the integration is already running, or the run cannot start.
pub(super) async fn begin(app: &App, desk: &Arc<ProjectView>, asked: &RunRequest) -> Result<Begun, Refusal> {
    let (started, has_started) = oneshot::channel();
    let (finished, ended) = oneshot::channel();
    let which = RunSelection::exactly([asked.slug.clone()]);
    let (streams, from, kind) = (asked.streams.clone(), asked.from.clone(), asked.kind);
    let options = Options { which, streams, from, ..app.options(desk) };
    let (here, app, desk) = (app, app.clone(), desk.clone());
    here.jobs().spawn(async move {
        let (mut started, mut queued) = (Some(started), None);
        let ended = carry_out(&desk, kind, &options, &mut |event| {
            let told = match event {
                Event::Queued(run) => {
                    let id = run.id;
                    app.queue().add(*run);
                    queued = Some(id);
                    (id, true)
                }
                Event::Began { run, .. } => {
                    app.queue().begun(run);
                    (run, false)
                }
                _ => return,
            };
            if let Some(started) = started.take() {
                // The caller may have stopped waiting.
                let _ = started.send(told);
            }
        })
        .await;
        desk.forget().await;
        if let (Some(id), Err(refusal)) = (queued, &ended) {
            app.queue().refused(id, refusal);
        }
        let _ = finished.send(ended);
    });
    match has_started.await {
        Ok((id, is_waiting)) => Ok(Begun { id, is_waiting, ended }),
        Err(_) => match ended.await {
            Ok(Err(refusal)) => Err(refusal),
            Ok(Ok(_)) | Err(_) => Err(internal()),
        },
    }
}

async fn carry_out(desk: &ProjectView, kind: RunKind, options: &Options, tell: ops::Tell<'_>) -> Result<Run, Refusal> {
    let (world, loaded) = (&desk.world, &desk.loaded);
    let mut results = match kind {
        RunKind::Test => ops::test(world, loaded, options, tell).await?,
        RunKind::Sync => ops::sync(world, loaded, options, tell).await?,
    };
    match (results.ran.pop(), results.refused.pop()) {
        (Some(run), _) => Ok(run),
        (None, Some(refused)) => Err(refused.into()),
        (None, None) => Err(internal()),
    }
}

impl std::convert::From<RefusedRun> for Refusal {
    fn from(RefusedRun { run, why }: RefusedRun) -> Self {
        match why {
            RefusalReason::Busy => Self::new(StatusCode::CONFLICT, "spile::run::busy", run.error.unwrap_or_default())
                .help("wait until the other run has ended"),
            RefusalReason::Stopped => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "spile::http::stopping", "the server is shutting down")
                    .help("try again when it is back up")
            }
            RefusalReason::Failed(error) => error.into(),
        }
    }
}
