//! What goes on when whoever began it has gone: runs, and whatever else may change something.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::app::App;
use super::desk::Desk;
use crate::name::Slug;
use crate::ops::run::Options;
use crate::ops::{self, Error, Event, Which, notify};
use crate::run::{Run, RunKind};

/// What is at work.
#[derive(Default)]
pub struct Jobs(Mutex<JoinSet<()>>);

/// A run that was begun.
pub struct Begun {
    /// Its id, as soon as it has one.
    pub id: Result<Uuid, Box<Error>>,
    /// How it ended.
    pub ended: oneshot::Receiver<Result<Option<Run>, Error>>,
}

impl Jobs {
    /// Begins a run of one integration, and returns when it has begun, or could not.
    pub(super) async fn begin(&self, app: &App, desk: &Arc<Desk>, (kind, slug): (RunKind, &Slug)) -> Begun {
        let (started, has_started) = oneshot::channel();
        let (finished, ended) = oneshot::channel();
        let mut options = app.options(desk);
        options.which = Which::exactly([slug.clone()]);
        let desk = desk.clone();
        self.spawn(async move {
            let mut started = Some(started);
            let ended = carry_out(&desk, (kind, &options), &mut |event| {
                if let Event::Began { run, .. } = event
                    && let Some(started) = started.take()
                {
                    // Nobody waits any more.
                    let _ = started.send(run);
                }
            })
            .await;
            desk.forget().await;
            let _ = finished.send(ended);
        });
        match has_started.await {
            Ok(id) => Begun { id: Ok(id), ended },
            Err(_) => Self::never_began(ended).await,
        }
    }

    /// It ended without having begun: what runs already, or cannot be started.
    async fn never_began(ended: oneshot::Receiver<Result<Option<Run>, Error>>) -> Begun {
        let (again, receiver) = oneshot::channel();
        let id = match ended.await {
            Ok(Err(error)) => Err(Box::new(error)),
            Ok(Ok(run)) => {
                let id = run.as_ref().map_or(Uuid::nil(), |run| run.id);
                let _ = again.send(Ok(run));
                Ok(id)
            }
            Err(_) => Ok(Uuid::nil()),
        };
        Begun { id, ended: receiver }
    }

    /// Lets work go on to its end, also where nobody waits for that any more, and returns what comes of it; `None` where it
    /// panics.
    pub(super) async fn finish<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(async move {
            // Nobody waits any more.
            let _ = sender.send(work.await);
        });
        receiver.await.ok()
    }

    /// Lets something go on by itself.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while jobs.try_join_next().is_some() {}
        jobs.spawn(work);
    }

    /// Waits until nothing is at work any more.
    pub(super) async fn ended(&self) {
        let mut jobs = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while jobs.join_next().await.is_some() {}
    }
}

async fn carry_out(
    desk: &Desk,
    (kind, options): (RunKind, &Options),
    tell: ops::Tell<'_>,
) -> Result<Option<Run>, Error> {
    let (world, loaded) = (&desk.world, &desk.loaded);
    let mut runs = match kind {
        RunKind::Test => ops::test(world, loaded, options, tell).await?,
        RunKind::Sync => ops::sync(world, loaded, options, tell).await?,
    };
    notify::after(world, (loaded, &desk.environment), &runs, tell).await;
    Ok(runs.pop())
}
