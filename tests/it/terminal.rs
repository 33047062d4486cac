//! A real terminal: runs a program in it, reads the screen, and presses keys.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// How long a program may take to show something.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    shown: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    seen: usize,
    // The terminal exists as long as this.
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    pub fn start(command: CommandBuilder) -> Self {
        let size = PtySize { rows: 50, cols: 160, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, keys, shown, bytes: Vec::new(), seen: 0, _master: pair.master }
    }

    /// Returns everything shown, without colors and cursor movements.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        anstream::adapter::strip_str(&text).to_string()
    }

    fn hear(&mut self, patience: Duration) {
        if let Ok(bytes) = self.shown.recv_timeout(patience) {
            self.bytes.extend(bytes);
        }
    }

    /// Waits until new text appears, compared with the last time a key was pressed.
    #[track_caller]
    pub fn shows(&mut self, words: &str) -> &mut Self {
        let begun = Instant::now();
        while !self.text()[self.seen..].contains(words) {
            assert!(begun.elapsed() < PATIENCE, "it does not show {words:?}:\n{}", self.text());
            self.hear(Duration::from_millis(100));
        }
        self
    }

    /// Types text and presses enter.
    pub fn answers(&mut self, text: &str) -> &mut Self {
        self.types(text).presses("\r")
    }

    /// Types text, key by key as people do.
    pub fn types(&mut self, text: &str) -> &mut Self {
        for key in text.chars() {
            self.presses(key.encode_utf8(&mut [0; 4]));
        }
        self
    }

    /// Presses backspace this many times.
    pub fn erases(&mut self, count: usize) -> &mut Self {
        self.types(&"\u{7f}".repeat(count))
    }

    pub fn presses(&mut self, key: &str) -> &mut Self {
        self.seen = self.text().len();
        self.keys.write_all(key.as_bytes()).and_then(|()| self.keys.flush()).unwrap();
        self
    }

    /// Waits for the end, and returns the exit code.
    pub fn ends(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            self.hear(Duration::from_millis(50));
            if let Some(status) = self.child.try_wait().unwrap() {
                while let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(200)) {
                    self.bytes.extend(bytes);
                }
                return status.exit_code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
    }
}
