//! The socket through which the end of a forked run is reported.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// The socket of a forked run. The run ends when it is closed.
pub(super) struct Line {
    socket: UnixStream,
    read: Vec<u8>,
}

impl Line {
    /// Uses a socket.
    pub(super) fn new(socket: UnixStream) -> Self {
        Self { socket, read: Vec::new() }
    }

    /// Waits for the number that a line has after a word.
    pub(super) async fn number(&mut self, word: &str) -> io::Result<i32> {
        let line = self.next().await?;
        let number = line.trim_end().strip_prefix(word).and_then(|number| number.parse().ok());
        number.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Sends bytes, preceded by their number.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(&sized(bytes)).await
    }

    /// Waits for the end of the run. Dropping the future loses nothing.
    ///
    /// If the process that reports it was killed, the run counts as killed.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.number("ended ").await.ok();
        // Its id becomes free.
        self.socket.shutdown().await.or_else(|error| match error.kind() {
            io::ErrorKind::NotConnected => Ok(()),
            _ => Err(error),
        })?;
        Ok(ExitStatus::from_raw(status.unwrap_or(Signal::KILL.as_raw())))
    }

    async fn next(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.drain(..=end).collect();
                return String::from_utf8(line).map_err(io::Error::other);
            }
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Returns bytes, preceded by their number.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&size.to_be_bytes(), bytes].concat()
}
