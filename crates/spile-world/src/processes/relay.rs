//! Passes what a tap writes to the loader, and reports on the way how many records of each stream have passed.
//!
//! This is a process of its own, which `launch.py` starts between the two plugins: Meltano's copying of each line takes
//! longer than many taps and loaders do. Its input is the tap's output, its output is the loader's input, and its standard
//! error is a socket to `launch.py`. Reports are lines of JSON there. A report `changes_table` is answered with a line
//! break before anything else is passed on, so that rows can be counted before the loader changes its table.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use memchr::{memchr, memrchr};
use serde_json::{Value, json};

use spile_core::run::traffic::{Notice, Traffic};

/// The only argument of the program as a relay. It is not a command for people.
pub const WORD: &str = "__relay";

/// How much is read at once: as much as fits into the pipes, for which `launch.py` asks Linux.
const PIECE: usize = 1024 * 1024;

/// The most bytes of a record that are collected before they are passed on.
const LONGEST: usize = 1024 * 1024;

/// How much of a line that is not a message is reported. spile masks secrets in it, and quotes less than this.
const QUOTED: usize = 16 * 1024;

/// How often the counts are reported.
const PAUSE: Duration = Duration::from_secs(1);

/// Passes standard input to standard output until the tap has ended or the loader has closed its input.
///
/// # Errors
/// When the input cannot be read, or `launch.py` is gone.
pub fn relay() -> io::Result<()> {
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    let control = Control { socket: Raw(errors.as_fd()), told: Value::Null, next: Instant::now() + PAUSE };
    Relay::new(Raw(input.as_fd()), Raw(output.as_fd()), control).run()
}

/// A file descriptor without the buffers of the standard library.
struct Raw<'a>(BorrowedFd<'a>);

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(self.0, &mut *into))?)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::write(self.0, bytes))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The connection to `launch.py`.
struct Control<S> {
    socket: S,
    /// The counts that were reported last.
    told: Value,
    next: Instant,
}

impl<S: Read + Write> Control<S> {
    fn say(&mut self, report: &Value) -> io::Result<()> {
        self.socket.write_all(format!("{report}\n").as_bytes())
    }

    /// Waits until a table has been counted.
    fn ask(&mut self, report: &Value) -> io::Result<()> {
        self.say(report)?;
        self.socket.read_exact(&mut [0])
    }

    fn counts(&mut self, traffic: &Traffic) -> io::Result<()> {
        self.next = Instant::now() + PAUSE;
        let records = json!(traffic.records());
        if records == self.told {
            return Ok(());
        }
        self.say(&json!({ "records": records }))?;
        self.told = records;
        Ok(())
    }
}

/// What is left of the way to the loader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// The loader has closed its input.
    Closed,
}

/// The tap's output, the loader's input, and what is between them.
struct Relay<I, O, S> {
    input: I,
    output: O,
    control: Control<S>,
    traffic: Traffic,
    /// What has been read and not passed on yet, from `start` to `end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the search for the end of an unfinished line goes on: a long line that arrives in many pieces is searched once.
    searched: usize,
    /// Whether the rest of the current line is passed on unread.
    is_in_long_record: bool,
    bytes: u64,
    times: Times,
}

/// When the transfer began, and what took its time.
struct Times {
    started: Instant,
    /// When the tap's first byte arrived.
    first: Option<Instant>,
    waited_for_tap: Duration,
    waited_for_loader: Duration,
}

impl Times {
    fn new() -> Self {
        let waited = Duration::ZERO;
        Self { started: Instant::now(), first: None, waited_for_tap: waited, waited_for_loader: waited }
    }

    fn report(&self, bytes: u64) -> Value {
        let now = Instant::now();
        let first = self.first.unwrap_or(now);
        json!({
            "bytes": bytes,
            "until_first_byte_ms": milliseconds(first - self.started),
            "passing_ms": milliseconds(now - first),
            "waited_for_extractor_ms": milliseconds(self.waited_for_tap),
            "waited_for_loader_ms": milliseconds(self.waited_for_loader),
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl<I: Read, O: Write, S: Read + Write> Relay<I, O, S> {
    fn new(input: I, output: O, control: Control<S>) -> Self {
        let (traffic, times) = (Traffic::default(), Times::new());
        let buffer = vec![0; PIECE];
        let (start, end, searched, bytes) = (0, 0, 0, 0);
        Self { input, output, control, traffic, buffer, start, end, searched, is_in_long_record: false, bytes, times }
    }

    fn run(mut self) -> io::Result<()> {
        let mut way = Way::Open;
        while way == Way::Open && self.read()? {
            way = self.pass_lines()?;
            if Instant::now() >= self.control.next {
                self.control.counts(&self.traffic)?;
            }
        }
        if way == Way::Open && self.start < self.end {
            way = self.pass_last_line()?;
        }
        self.control.counts(&self.traffic)?;
        let transfer = self.times.report(self.bytes);
        let ended = json!({ "transfer": transfer, "keys": self.traffic.keys(), "closed": way == Way::Closed });
        self.control.say(&json!({ "ended": ended }))?;
        if way == Way::Closed {
            // If it ended, the tap would fail with a broken pipe, although it is the loader that failed.
            io::copy(&mut self.control.socket, &mut io::sink())?;
        }
        Ok(())
    }

    /// Reads more. Returns false at the end of the input.
    fn read(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let began = Instant::now();
        let count = self.input.read(&mut self.buffer[self.end..])?;
        // The wait for the first byte is the tap's start.
        match self.times.first {
            Some(_) => self.times.waited_for_tap += began.elapsed(),
            None => self.times.first = (count > 0).then(Instant::now),
        }
        self.end += count;
        self.bytes += count as u64;
        Ok(count > 0)
    }

    /// Passes on all complete lines, and as much of a long record as there is.
    fn pass_lines(&mut self) -> io::Result<Way> {
        let mut from = self.start;
        if self.is_in_long_record {
            match memchr(b'\n', &self.buffer[from..self.end]) {
                Some(at) => {
                    from += at + 1;
                    self.is_in_long_record = false;
                }
                None => return self.pass(self.end),
            }
        }
        let new = self.searched.max(from);
        let last = memrchr(b'\n', &self.buffer[new..self.end]).map_or(from, |at| new + at + 1);
        while from < last {
            let unread = from.max(new);
            let to = memchr(b'\n', &self.buffer[unread..last]).map_or(last, |at| unread + at + 1);
            let notice = self.traffic.take(&self.buffer[from..to - 1]);
            if notice != Notice::Nothing && self.stop_at(notice, from, to - 1)? == Way::Closed {
                return Ok(Way::Closed);
            }
            from = to;
        }
        self.searched = self.end;
        if self.end - last >= LONGEST && self.traffic.take_beginning(&self.buffer[last..self.end]) {
            self.is_in_long_record = true;
            return self.pass(self.end);
        }
        self.pass(last)
    }

    /// Passes on the last line, which has no line break.
    fn pass_last_line(&mut self) -> io::Result<Way> {
        if !self.is_in_long_record {
            let notice = self.traffic.take(&self.buffer[self.start..self.end]);
            if notice != Notice::Nothing && self.stop_at(notice, self.start, self.end)? == Way::Closed {
                return Ok(Way::Closed);
            }
        }
        self.pass(self.end)
    }

    /// Reports a line after everything before it has been passed on.
    fn stop_at(&mut self, notice: Notice, from: usize, to: usize) -> io::Result<Way> {
        let way = self.pass(from)?;
        if way == Way::Closed {
            return Ok(way);
        }
        let line = String::from_utf8_lossy(&self.buffer[from..to]);
        match notice {
            Notice::ChangesTable => self.control.ask(&json!({ "changes_table": line }))?,
            Notice::NotSinger => {
                let quoted: String = line.chars().take(QUOTED).collect();
                self.control.say(&json!({ "not_singer": quoted }))?;
            }
            Notice::Nothing => {}
        }
        Ok(way)
    }

    /// Passes on what has been read, up to a place.
    fn pass(&mut self, to: usize) -> io::Result<Way> {
        let began = Instant::now();
        let written = self.output.write_all(&self.buffer[self.start..to]);
        self.times.waited_for_loader += began.elapsed();
        self.start = to;
        match written {
            Ok(()) => Ok(Way::Open),
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Ok(Way::Closed)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket whose other end agrees to everything.
    #[derive(Default)]
    struct Agreeing {
        reports: Vec<u8>,
    }

    impl Read for &mut Agreeing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            // Waiting for one byte is waiting for an answer; everything else waits for the end.
            Ok(usize::from(into.len() == 1))
        }
    }

    impl Write for &mut Agreeing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.reports.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An input that arrives in pieces of a few bytes.
    struct InPieces<'a>(&'a [u8], usize);

    impl Read for InPieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            into[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    /// A loader that closes its input after some bytes.
    struct Closing(usize);

    impl Write for Closing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let count = bytes.len().min(self.0);
            self.0 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn relayed(input: impl Read, output: impl Write) -> Vec<Value> {
        let mut socket = Agreeing::default();
        let control = Control { socket: &mut socket, told: Value::Null, next: Instant::now() + PAUSE };
        Relay::new(input, output, control).run().unwrap();
        let reports = String::from_utf8(socket.reports).unwrap();
        reports.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_byte_passes_in_order_however_it_arrives() {
        let long =
            format!("{{\"type\":\"RECORD\",\"stream\":\"b\",\"record\":{{\"t\":\"{}\"}}}}\n", "x".repeat(3 << 20));
        let mut input = b"{\"type\":\"SCHEMA\",\"stream\":\"a\",\"schema\":{},\"key_properties\":[\"id\"]}\n\
            {\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{\"id\":\"\xff\0\"}}\r\n\nnoise\n"
            .to_vec();
        input.extend_from_slice(long.as_bytes());
        // It is kept until it is complete. If each piece searched all of it again, this test would not end.
        let schema = format!("{{\"type\":\"SCHEMA\",\"stream\":\"b\",\"schema\":\"{}\"}}\n", "x".repeat(3 << 20));
        input.extend_from_slice(schema.as_bytes());
        input.extend_from_slice(b"{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{\"id\":2}}");
        for piece in [7, 1000, PIECE, input.len()] {
            let mut output = Vec::new();
            let reports = relayed(InPieces(&input, piece), &mut output);
            assert!(output == input, "in pieces of {piece}");
            assert_eq!(reports.last().unwrap()["ended"]["transfer"]["bytes"], input.len());
            let records = reports.iter().rev().find_map(|report| report.get("records"));
            assert_eq!(records, Some(&json!({"a": 2, "b": 1})), "in pieces of {piece}");
            let noise = reports.iter().find_map(|report| report.get("not_singer"));
            assert_eq!(noise, Some(&json!("noise")));
        }
    }

    #[test]
    fn a_loader_that_closes_its_input_is_reported() {
        let record = b"{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{}}\n";
        let input = record.repeat(100);
        let reports = relayed(&input[..], Closing(record.len()));
        assert_eq!(reports.last().unwrap()["ended"]["closed"], true);
    }

    #[test]
    fn an_empty_input_reports_only_its_end() {
        let reports = relayed(io::empty(), Vec::new());
        assert_eq!(reports.last().unwrap()["ended"]["transfer"]["bytes"], 0);
    }
}
