//! Carries the bookmarks of a run to a hosted registry.
//!
//! Meltano stores bookmarks through spile's state backend, which asks a broker in this process over the loopback
//! interface. The registry's key stays in this process. The backend only has a token that works for one state id while
//! the run lasts, and plugins do not get it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::Supabase;
use crate::stores::supabase::{KeptState, NotKept, Writer};
use spile_core::digest::sha256;
use spile_core::secret::Secret;

/// The most bytes in a request. Bookmarks of tens of thousands of partitions take a few megabytes.
const MOST: u64 = 32 * 1024 * 1024;

/// How long to wait before trying an unreachable registry again, so that Meltano does not wait for it on each request.
const PAUSE: Duration = Duration::from_secs(15);

/// Serves the bookmarks of one state id while a run lasts.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    token: Secret,
    served: Arc<Served>,
    serving: JoinHandle<()>,
}

/// The state that the broker's connections share.
#[derive(Debug)]
struct Served {
    registry: Arc<Supabase>,
    writer: Writer,
    id: String,
    token: [u8; 32],
    held: Mutex<LiveBookmarks>,
}

/// The bookmarks as the run has stored them so far.
#[derive(Debug, Default)]
struct LiveBookmarks {
    /// The version that the registry has.
    version: i64,
    state: Option<String>,
    /// When the registry fell behind; `None` if it is up to date.
    unsent: Option<Instant>,
    /// Why the bookmarks cannot be stored at all.
    failed: Option<NotKept>,
}

/// A request from Meltano.
#[derive(Debug, Deserialize)]
struct Question {
    token: String,
    state_id: String,
    #[serde(flatten)]
    wanted: BookmarkRequest,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum BookmarkRequest {
    /// Asks for the current bookmarks.
    Get,
    /// Stores bookmarks, or clears them.
    Set {
        /// The bookmarks as JSON, kept byte for byte.
        state: Option<String>,
    },
}

impl Broker {
    /// Starts to serve the bookmarks of a state id on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the system has no free port.
    pub async fn start(
        registry: Arc<Supabase>,
        writer: Writer,
        id: &str,
        kept: Option<KeptState>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        // Two random ids give 244 bits, which cannot be guessed.
        let token = Secret::new(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
        let held =
            kept.map(|kept| LiveBookmarks { version: kept.version, state: kept.state, ..LiveBookmarks::default() });
        let served = Arc::new(Served {
            registry,
            writer,
            id: id.to_owned(),
            token: sha256(token.expose().as_bytes()),
            held: Mutex::new(held.unwrap_or_default()),
        });
        let serving = tokio::spawn({
            let served = served.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let served = served.clone();
                    // A client that disconnects before it gets a response asks again, or has ended.
                    tokio::spawn(async move { served.answer(stream).await.ok() });
                }
            }
        });
        Ok(Self { address, token, served, serving })
    }

    /// Returns what the backend needs to connect, including the token.
    #[must_use]
    pub fn connection(&self) -> Value {
        json!({ "port": self.address.port(), "token": self.token.expose(), "state_id": self.served.id })
    }

    /// Returns the token, so that it can be masked in the run's output.
    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    /// Stops serving, and sends the bookmarks that the registry does not have yet.
    ///
    /// # Errors
    /// When the registry does not have everything that the run has stored.
    pub async fn finish(&self) -> Result<(), NotKept> {
        self.serving.abort();
        let mut held = self.served.held.lock().await;
        if held.failed.is_none() && held.unsent.is_some() {
            let state = held.state.clone();
            self.served.send(&mut held, state.as_deref()).await?;
        }
        held.failed.take().map_or(Ok(()), Err)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Served {
    /// Answers one request: one line of JSON with another line of JSON.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut line = Vec::new();
        BufReader::new(reader.take(MOST)).read_until(b'\n', &mut line).await?;
        let answer = match serde_json::from_slice::<Question>(&line) {
            // Compares digests, so that the time this takes reveals nothing about the token.
            Ok(question) if sha256(question.token.as_bytes()) != self.token => {
                refusal("the token belongs to another run")
            }
            Ok(question) if question.state_id != self.id => {
                refusal(&format!("this run stores only the bookmarks of `{}`", self.id))
            }
            Ok(question) => self.done(question.wanted).await,
            Err(_) => refusal("the request is not valid"),
        };
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
        writer.shutdown().await
    }

    async fn done(&self, wanted: BookmarkRequest) -> Value {
        let mut held = self.held.lock().await;
        match wanted {
            BookmarkRequest::Get => json!({ "state": held.state }),
            BookmarkRequest::Set { state } => match self.keep(&mut held, state).await {
                Ok(()) => json!({}),
                Err(error) => {
                    let answer = refusal(&error.to_string());
                    held.failed = Some(error);
                    answer
                }
            },
        }
    }

    /// Stores bookmarks in the registry, or in memory until the registry is reachable again.
    async fn keep(&self, held: &mut LiveBookmarks, state: Option<String>) -> Result<(), NotKept> {
        if held.unsent.is_none_or(|since| since.elapsed() >= PAUSE) {
            match self.send(held, state.as_deref()).await {
                Err(NotKept::Registry(error)) if error.is_of_the_moment() => held.unsent = Some(Instant::now()),
                sent => sent?,
            }
        }
        held.state = state;
        Ok(())
    }

    /// Sends bookmarks to the registry.
    async fn send(&self, held: &mut LiveBookmarks, state: Option<&str>) -> Result<(), NotKept> {
        let keep = |version| self.registry.keep_state(&self.writer, &self.id, version, state);
        held.version = match keep(held.version).await {
            // An earlier request from this run has arrived after all.
            Err(NotKept::Version { id }) => match self.registry.state(&self.id).await? {
                Some(found) if found.run == self.writer.run => keep(found.version).await?,
                Some(_) | None => return Err(NotKept::Version { id }),
            },
            kept => kept?,
        };
        held.unsent = None;
        Ok(())
    }
}

fn refusal(why: &str) -> Value {
    json!({ "error": why })
}
