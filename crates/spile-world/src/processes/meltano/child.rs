//! A child process: it is followed line by line, stopped together with everything that it started, and never left
//! behind.

use std::future::pending;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::line::Line;

/// How long a child process may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How long leftover processes may keep an output open, or run after the child was stopped, before they are killed.
const LEFTOVERS: Duration = Duration::from_secs(3);

/// The most bytes of a log line. The receiver truncates longer lines, so that memory is bounded.
pub(super) const LONGEST_LINE: usize = 1024 * 1024;

/// How many bytes beyond that limit are received, so that a secret across the limit can be found.
const BEYOND: usize = 64 * 1024;

/// What ends a child process before it ends by itself.
pub(super) struct Limits<'a> {
    /// The timeout.
    pub timeout: Option<Duration>,
    /// Becomes true when the user interrupts.
    pub interrupt: &'a mut watch::Receiver<bool>,
    /// How its standard output is split.
    pub pieces: Pieces,
}

/// How an output is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    /// Into lines without their line breaks. Lines that are too long are truncated.
    Lines,
    /// Into chunks as they arrive, without losing any byte.
    Chunks,
}

/// The output that a piece comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Its standard output.
    Output,
    /// Its standard error.
    Errors,
}

/// How a child process ended.
#[derive(Debug)]
pub(super) enum ChildEnd {
    /// It exited by itself.
    Exited(ExitStatus),
    /// It was stopped because it took too long.
    TimedOut,
    /// It was stopped because the user interrupted.
    Interrupted,
}

/// Why a child process could not be followed to its end.
#[derive(Debug)]
pub(super) enum Lost {
    /// It could not be started.
    Start(io::Error),
    /// The receiver of its output failed, so it was stopped.
    Hearing(io::Error),
}

/// A receiver for pieces of output.
pub(super) type Hear<'a> = &'a mut (dyn FnMut(Channel, &[u8]) -> io::Result<()> + Send);

/// Starts a child process in its own process group, and follows it until it has ended and closed its output.
///
/// The group protects it from the terminal's Ctrl-C. The caller passes that on once, through `interrupt`.
pub(super) async fn follow(mut command: Command, limits: Limits<'_>, hear: Hear<'_>) -> Result<ChildEnd, Lost> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(Lost::Start)?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    follow_process(Process { leader, output, errors, end: End::OfChild(child) }, limits, hear).await
}

/// A process that leads its own group.
pub(super) struct Process {
    /// Its id.
    pub leader: Option<Pid>,
    /// Its standard output.
    pub output: Option<ChildStdout>,
    /// Its standard error.
    pub errors: Option<ChildStderr>,
    /// Where its end is reported.
    pub end: End,
}

/// Where the end of a process is reported.
pub(super) enum End {
    /// By the system, because it is a child.
    OfChild(Child),
    /// By the process that was forked for it.
    OfForked(Line),
}

impl End {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::OfChild(child) => child.wait().await,
            Self::OfForked(line) => line.ended().await,
        }
    }
}

/// Follows a process until it has ended and closed its output.
pub(super) async fn follow_process(mut process: Process, limits: Limits<'_>, hear: Hear<'_>) -> Result<ChildEnd, Lost> {
    let mut group = Group(process.leader);
    let mut output = Lines::new(process.output.take(), limits.pieces);
    let mut errors = Lines::new(process.errors.take(), Pieces::Lines);
    let mut stop = None;
    let mut status = None;
    // A deadline beyond the clock's range means no deadline.
    let mut deadline = limits.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    while status.is_none() || output.is_open() || errors.is_open() {
        let line = tokio::select! {
            line = output.next(), if output.is_open() => line.map(|line| (Channel::Output, line)),
            line = errors.next(), if errors.is_open() => line.map(|line| (Channel::Errors, line)),
            ended = process.end.wait(), if status.is_none() => {
                status = Some(ended.map_err(Lost::Start)?);
                deadline = Some(Instant::now() + LEFTOVERS);
                None
            }
            () = wanted(limits.interrupt), if stop.is_none() && status.is_none() => {
                deadline = Some(group.ask_to_stop());
                stop = Some(Stop::Interrupted);
                None
            }
            () = reached(deadline) => {
                if stop.is_none() && status.is_none() {
                    deadline = Some(group.ask_to_stop());
                    stop = Some(Stop::TimedOut);
                } else {
                    group.kill();
                    if status.is_some() {
                        // A process that still holds an output has deliberately left the group. Its output is ignored.
                        break;
                    }
                    deadline = None;
                }
                None
            }
        };
        let Some((channel, line)) = line.filter(|_| !matches!(stop, Some(Stop::Deaf(_)))) else { continue };
        if let Err(error) = hear(channel, &line) {
            deadline = Some(group.ask_to_stop());
            stop = Some(Stop::Deaf(error));
        }
    }
    if stop.is_some() {
        group.wait_until_empty().await;
    }
    group.ended();
    match (stop, status) {
        (Some(Stop::Deaf(error)), _) => Err(Lost::Hearing(error)),
        (Some(Stop::Interrupted), _) => Ok(ChildEnd::Interrupted),
        (Some(Stop::TimedOut), _) => Ok(ChildEnd::TimedOut),
        (None, status) => Ok(ChildEnd::Exited(status.unwrap_or_default())),
    }
}

/// Why a child process is being stopped.
enum Stop {
    Interrupted,
    TimedOut,
    Deaf(io::Error),
}

async fn wanted(interrupt: &mut watch::Receiver<bool>) {
    let is_wanted = interrupt.wait_for(|wanted| *wanted).await.is_ok();
    if !is_wanted {
        // Nobody can interrupt any more.
        pending::<()>().await;
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// A child process and everything that it started. Dropping it before the end kills them.
struct Group(Option<Pid>);

impl Group {
    /// Asks only the leader to stop, because Meltano stops its plugins itself and stores the state that the target has
    /// confirmed.
    fn ask_to_stop(&self) -> Instant {
        if let Some(leader) = self.0 {
            // It may have ended in the meantime.
            let _ = kill_process(leader, Signal::TERM);
        }
        Instant::now() + GRACE
    }

    /// Kills what is left. The group id is still valid, because a member holds the output open or the leader has not
    /// been reaped.
    fn kill(&self) {
        if let Some(leader) = self.0 {
            // The last member may have ended in the meantime.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// Waits for members that outlive a stopped leader, and kills those that take too long. A plugin whose output goes
    /// to Meltano does not hold an output of ours open, so the end of the output is no sign of its end.
    async fn wait_until_empty(&self) {
        let Some(leader) = self.0 else { return };
        let mut deadline = Instant::now() + LEFTOVERS;
        let mut is_killed = false;
        while test_kill_process_group(leader).is_ok() {
            if Instant::now() >= deadline {
                if is_killed {
                    // Even killing does not end it: it hangs in the kernel, and nothing more can be done.
                    return;
                }
                self.kill();
                is_killed = true;
                deadline += LEFTOVERS;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The lines of an output, each of limited length, or its bytes as they arrive.
struct Lines<R> {
    reader: Option<BufReader<R>>,
    line: Vec<u8>,
    pieces: Pieces,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: Option<R>, pieces: Pieces) -> Self {
        let reader = reader.map(|reader| BufReader::with_capacity(64 * 1024, reader));
        Self { reader, line: Vec::new(), pieces }
    }

    fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// Returns the next line; `None` at the end. Dropping the future does not lose what was read.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let reader = self.reader.as_mut()?;
            // A read error ends the output. The exit status tells what happened.
            let read = reader.fill_buf().await.unwrap_or_default();
            if self.pieces == Pieces::Chunks && !read.is_empty() {
                let chunk = read.to_vec();
                reader.consume(chunk.len());
                return Some(chunk);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            let room = (LONGEST_LINE + BEYOND).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let (is_end, used) = (read.is_empty(), end.map_or(read.len(), |end| end + 1));
            reader.consume(used);
            if is_end {
                self.reader = None;
                return (!self.line.is_empty()).then(|| std::mem::take(&mut self.line));
            }
            if end.is_some() {
                return Some(std::mem::take(&mut self.line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, timeout: Option<Duration>) -> (Result<ChildEnd, Lost>, Vec<usize>) {
        let mut lengths = Vec::new();
        let (_keep, mut interrupt) = watch::channel(false);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::null());
        let limits = Limits { timeout, interrupt: &mut interrupt, pieces: Pieces::Lines };
        let mut hear = |_, line: &[u8]| {
            lengths.push(line.len());
            Ok(())
        };
        let ended = follow(command, limits, &mut hear).await;
        (ended, lengths)
    }

    #[tokio::test]
    async fn an_overlong_line_is_truncated_and_the_next_one_is_complete() {
        let (ended, lengths) = shell("head -c 3000000 /dev/zero; echo; echo abc; printf last", None).await;
        assert!(matches!(ended, Ok(ChildEnd::Exited(status)) if status.success()));
        assert_eq!(lengths, [LONGEST_LINE + BEYOND, 3, 4]);
    }

    #[tokio::test]
    async fn chunked_output_arrives_complete_and_immediately() {
        let (_keep, mut interrupt) = watch::channel(false);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "head -c 3000000 /dev/zero; echo oops >&2"]).stdin(Stdio::null());
        let limits = Limits { timeout: None, interrupt: &mut interrupt, pieces: Pieces::Chunks };
        let (mut bytes, mut errors) = (0, Vec::new());
        let mut hear = |channel, piece: &[u8]| {
            match channel {
                Channel::Output => bytes += piece.len(),
                Channel::Errors => errors.push(piece.to_vec()),
            }
            Ok(())
        };
        follow(command, limits, &mut hear).await.unwrap();
        assert_eq!((bytes, errors), (3_000_000, vec![b"oops".to_vec()]));
    }

    #[tokio::test]
    async fn a_child_that_takes_too_long_is_stopped() {
        let (ended, _) = shell("sleep 60", Some(Duration::from_millis(100))).await;
        assert!(matches!(ended, Ok(ChildEnd::TimedOut)));
    }

    #[tokio::test]
    async fn processes_started_by_a_stopped_child_are_ended_even_without_output() {
        let mut leader = String::new();
        let (_keep, mut interrupt) = watch::channel(false);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$; sleep 60 > /dev/null 2>&1 & exec sleep 61"]).stdin(Stdio::null());
        let timeout = Some(Duration::from_millis(500));
        let limits = Limits { timeout, interrupt: &mut interrupt, pieces: Pieces::Lines };
        let mut hear = |_, line: &[u8]| {
            leader.push_str(&String::from_utf8_lossy(line));
            Ok(())
        };
        assert!(matches!(follow(command, limits, &mut hear).await, Ok(ChildEnd::TimedOut)));
        let leader = Pid::from_raw(leader.parse().unwrap()).unwrap();
        assert!(test_kill_process_group(leader).is_err(), "the background sleep is still running");
    }

    #[tokio::test]
    async fn leftover_processes_of_a_child_are_killed() {
        let started = Instant::now();
        let (ended, _) = shell("sleep 60 & echo started", None).await;
        assert!(matches!(ended, Ok(ChildEnd::Exited(_))));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_child_is_stopped_if_its_output_cannot_be_stored() {
        let (_keep, mut interrupt) = watch::channel(false);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo one; sleep 60"]).stdin(Stdio::null());
        let limits = Limits { timeout: None, interrupt: &mut interrupt, pieces: Pieces::Lines };
        let ended = follow(command, limits, &mut |_, _| Err(io::ErrorKind::StorageFull.into())).await;
        assert!(matches!(ended, Err(Lost::Hearing(error)) if error.kind() == io::ErrorKind::StorageFull));
    }
}
