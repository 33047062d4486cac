//! The bookmarks of a run on their way to a hosted registry.
//!
//! Meltano keeps them with an add-on of spile's, which asks a broker here, on the loopback. The key of the registry stays in
//! this process: the add-on has a token that is good for one state id and as long as the run lasts, and no plugin gets it.

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

/// The most bytes of a question: bookmarks of tens of thousands of partitions have a few megabytes.
const MOST: u64 = 32 * 1024 * 1024;

/// How long a registry that could not be reached is left alone: while it is away, Meltano is not to wait each time.
const PAUSE: Duration = Duration::from_secs(15);

/// Serves the bookmarks of one state id for as long as a run lasts.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    token: Secret,
    served: Arc<Served>,
    serving: JoinHandle<()>,
}

/// What is served.
#[derive(Debug)]
struct Served {
    registry: Arc<Supabase>,
    writer: Writer,
    id: String,
    token: [u8; 32],
    held: Mutex<LiveBookmarks>,
}

/// The bookmarks as the run has left them so far.
#[derive(Debug, Default)]
struct LiveBookmarks {
    /// The version that the registry has.
    version: i64,
    state: Option<String>,
    /// Since when the registry does not have them.
    unsent: Option<Instant>,
    /// Why they cannot be kept at all.
    failed: Option<NotKept>,
}

/// What Meltano asks.
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
    /// Says what there is.
    Get,
    /// Keeps it, or clears it.
    Set {
        /// The bookmarks, as JSON to the byte.
        state: Option<String>,
    },
}

impl Broker {
    /// Begins to serve what is kept under a state id, on a free port of the loopback.
    ///
    /// # Errors
    /// When the system has no port.
    pub async fn start(
        registry: Arc<Supabase>,
        writer: Writer,
        id: &str,
        kept: Option<KeptState>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        // Two random ids are 244 bits that nobody guesses.
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
                    // Who goes away without an answer asks again, or has ended.
                    tokio::spawn(async move { served.answer(stream).await.ok() });
                }
            }
        });
        Ok(Self { address, token, served, serving })
    }

    /// Returns what the add-on needs to know; it holds the token.
    #[must_use]
    pub fn connection(&self) -> Value {
        json!({ "port": self.address.port(), "token": self.token.expose(), "state_id": self.served.id })
    }

    /// Returns what nobody may see in what the run says.
    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    /// Ends, and sends what the registry has not got yet.
    ///
    /// # Errors
    /// When the registry does not have all that the run has left.
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
    /// Answers one question: a line of JSON for a line of JSON.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut line = Vec::new();
        BufReader::new(reader.take(MOST)).read_until(b'\n', &mut line).await?;
        let answer = match serde_json::from_slice::<Question>(&line) {
            // Digests are compared: how long that takes says nothing of the token.
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

    /// Keeps bookmarks: in the registry, or here until that is back.
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
            // Something that was sent earlier has arrived after all.
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
