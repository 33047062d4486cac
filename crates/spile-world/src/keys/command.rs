//! Commands that print a key. They run without a shell and with a time limit, and only their output is read.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::identity::{LONGEST, Unread};
use crate::processes::child_environment::inheriting;

/// How long a command may take. The user may have to touch a hardware key.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The interval for checking whether a command that has closed its output has ended.
const PATIENCE: Duration = Duration::from_millis(10);

/// Returns what a command prints. Its error output is discarded, because it may contain secrets too.
pub(super) fn output(words: &str, path: &OsStr, recipient: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Unread> {
    within(TIMEOUT, words, path, recipient)
}

fn within(timeout: Duration, words: &str, path: &OsStr, recipient: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let words = shlex::split(words).filter(|words| !words.is_empty()).ok_or(Unread::NoCommand)?;
    let mut command = inheriting(&words[0]);
    command.args(&words[1..]).env("PATH", path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Stays in spile's process group. In a group of its own, the command could not ask for a PIN at the terminal.
    if let Some(recipient) = recipient {
        command.env("SOPS_AGE_RECIPIENT", recipient);
    }
    let mut child = command.spawn().map_err(|error| Unread::NotStarted(error.kind().to_string()))?;
    let deadline = Instant::now() + timeout;
    let answer = listen(&mut child).recv_timeout(timeout);
    let Some(status) = ended(&mut child, deadline) else {
        // The command may have ended by itself in the meantime.
        let _ = child.kill();
        let _ = child.wait();
        return Err(Unread::TimedOut(timeout.as_secs()));
    };
    let status = status.map_err(|error| Unread::NotStarted(error.kind().to_string()))?;
    if !status.success() {
        return Err(Unread::Failed(status.code().map_or("a signal".to_owned(), |code| format!("exit code {code}"))));
    }
    answer.map_err(|_| Unread::TimedOut(timeout.as_secs()))
}

/// Reads the output in a thread, because a process that the command leaves behind may keep it open forever.
fn listen(child: &mut Child) -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    let (say, hear) = mpsc::channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(output) = output {
            // A read error ends the output. The exit status tells what happened.
            let _ = output.take(LONGEST).read_to_end(&mut bytes);
        }
        // Nobody receives this if the command has taken too long.
        let _ = say.send(bytes);
    });
    hear
}

/// Waits until the command ends; `None` if it takes too long.
fn ended(child: &mut Child, deadline: Instant) -> Option<std::io::Result<ExitStatus>> {
    loop {
        match child.try_wait().transpose() {
            Some(ended) => return Some(ended),
            None if Instant::now() >= deadline => return None,
            None => std::thread::sleep(PATIENCE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &str) -> Result<String, Unread> {
        let path = OsStr::new("/usr/bin:/bin");
        let bytes = within(Duration::from_secs(1), words, path, Some("age1x"))?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_command_is_split_like_in_a_shell_and_gets_the_recipient() {
        assert_eq!(run("echo 'a  b' $HOME").unwrap(), "a  b $HOME\n");
        assert_eq!(run("sh -c 'printf %s \"$SOPS_AGE_RECIPIENT\"'").unwrap(), "age1x");
    }

    #[test]
    fn a_failed_command_is_reported_without_its_output() {
        assert_eq!(
            run("sh -c 'echo secret; echo secret >&2; exit 3'").unwrap_err(),
            Unread::Failed("exit code 3".into())
        );
        assert_eq!(run("sh 'x").unwrap_err(), Unread::NoCommand);
        assert_eq!(run("").unwrap_err(), Unread::NoCommand);
        assert!(matches!(run("no-such-program"), Err(Unread::NotStarted(_))));
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped() {
        assert_eq!(run("sleep 60").unwrap_err(), Unread::TimedOut(1));
    }
}
