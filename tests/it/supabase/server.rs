//! A child process that serves: it ends when its handle is dropped, and when this program ends in any way.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running child.
pub struct Server(Child);

impl Server {
    pub fn start(mut command: Command) -> Self {
        Self(command.stdin(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// Returns `program` under a shell that stops it with `$ENDING`, and deletes `$LEFTOVERS`, when the shell's standard
/// input is closed.
pub fn watched(program: &Path, words: &[String]) -> Command {
    let script = r#""$0" "$@" & child=$!
        trap '' INT TERM
        read -r _
        kill -s $ENDING $child; wait $child
        if [ -n "$LEFTOVERS" ]; then cd /; rm -rf "$LEFTOVERS"; fi"#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program).args(words).stdout(Stdio::null());
    command.stderr(if std::env::var_os("SPILE_TEST_LOGS").is_some() { Stdio::inherit() } else { Stdio::null() });
    command
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what} does not start; set SPILE_TEST_LOGS to see why");
        std::thread::sleep(Duration::from_millis(20));
    }
}
