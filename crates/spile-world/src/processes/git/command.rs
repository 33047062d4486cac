//! Starts git. This is the only place that does. A repository's configuration and attributes can run programs in two
//! dozen ways. All of them are switched off, and git gets no more of the environment than it needs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::GitError;

/// How long git may take for local work. If it takes longer, it is waiting for something.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a push may take. The other side may run checks of its own.
const PATIENCE_OF_A_PUSH: Duration = Duration::from_mins(5);

/// The most bytes of output that are read.
const MOST_BYTES: u64 = 64 << 20;

/// The most bytes of error output that are read.
const MOST_WORDS: u64 = 16 << 10;

/// Settings that disable what a configuration could start. They override every configuration file.
const SWITCHED_OFF: [&str; 20] = [
    "commit.gpgSign=false",
    "core.alternateRefsCommand=false",
    "core.attributesFile=/dev/null",
    "core.editor=false",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.untrackedCache=false",
    "diff.external=",
    "gc.auto=0",
    "gpg.program=false",
    "log.mailmap=false",
    "log.showSignature=false",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "push.gpgSign=false",
    "push.recurseSubmodules=no",
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
];

/// Settings that everything except a push also gets, because only a push needs a network.
const OFF_FOR_READERS: [&str; 4] =
    ["core.askPass=", "core.sshCommand=false", "credential.helper=", "protocol.allow=never"];

/// The variables that git gets from the environment.
const KEPT: [&str; 3] = ["HOME", "TMPDIR", "XDG_CONFIG_HOME"];

/// The additional variables for a push: those for keys and proxies.
const KEPT_FOR_A_PUSH: [&str; 16] = [
    "ALL_PROXY",
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LOGNAME",
    "NO_PROXY",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "USER",
    "https_proxy",
    "no_proxy",
];

/// What git needs access to, which decides what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The repository, with the user's own configuration, which lists the repositories of others that are safe.
    Repository,
    /// The repository, without the user's or the machine's configuration.
    RepositoryAlone,
    /// A remote, with the user's own keys.
    Remote,
}

/// git in a folder.
#[derive(Debug)]
pub(super) struct Git<'a> {
    folder: &'a Path,
    reach: Reach,
    variables: Vec<(OsString, OsString)>,
}

/// The output of git.
#[derive(Debug)]
pub(super) struct GitOutput {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl GitOutput {
    /// Returns git's error message.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

impl<'a> Git<'a> {
    pub fn at(folder: &'a Path, reach: Reach) -> Self {
        Self { folder, reach, variables: Vec::new() }
    }

    /// Sets an environment variable of the process.
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Returns git's output, or an error with git's own message.
    pub async fn succeeds(&self, what: &'static str, words: &[&str]) -> Result<Vec<u8>, GitError> {
        let answer = self.run(words, None).await?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        Err(GitError::Failed { what, said: answer.complaint() })
    }

    /// Runs git until it ends or the timeout expires.
    pub async fn run(&self, words: &[&str], input: Option<&str>) -> Result<GitOutput, GitError> {
        let patience = if self.reach == Reach::Remote { PATIENCE_OF_A_PUSH } else { PATIENCE };
        let mut command = self.command();
        command.args(words);
        let child = command.spawn().map_err(GitError::Start)?;
        let answer = tokio::time::timeout(patience, answer(child, input.unwrap_or_default())).await;
        let slow = |_| GitError::Slow {
            what: words.first().copied().unwrap_or_default().to_owned(),
            seconds: patience.as_secs(),
        };
        answer.map_err(slow)?.map_err(GitError::Start)
    }

    /// Returns the command. It never prompts, because a server has no terminal, and a prompt would wait forever. It is
    /// killed if its future is dropped.
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.current_dir(self.folder).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["--no-pager", "--no-optional-locks", "--literal-pathspecs"]);
        let for_readers: &[&str] = if self.reach == Reach::Remote { &[] } else { &OFF_FOR_READERS };
        for setting in SWITCHED_OFF.iter().chain(for_readers) {
            command.args(["-c", setting]);
        }
        command.env_clear().env("LC_ALL", "C").env("PATH", path());
        command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_ATTR_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]);
        // No ssh command is set, because that would replace the user's own.
        command.envs([("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")]);
        // A repository may configure another work tree. The real one is where the repository was found.
        command.envs(work_tree(self.folder).map(|top| ("GIT_WORK_TREE", top)));
        match self.reach {
            Reach::Remote => keep(&mut command, &[&KEPT[..], &KEPT_FOR_A_PUSH].concat()),
            Reach::Repository => keep(&mut command, &KEPT),
            Reach::RepositoryAlone => drop(command.env("GIT_CONFIG_GLOBAL", "/dev/null")),
        }
        if self.reach != Reach::Remote {
            // Does not fetch missing objects. Older versions of git only support the second variable.
            command.envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "none"), ("GIT_ASKPASS", "")]);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

#[expect(clippy::disallowed_methods, reason = "git gets what it needs of the environment, and nothing else")]
fn keep(command: &mut Command, names: &[&str]) {
    command.envs(names.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
}

/// Returns the folders to search for programs. Relative ones are removed, because they could be in the repository.
#[expect(clippy::disallowed_methods, reason = "git gets what it needs of the environment, and nothing else")]
fn path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let absolute = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    std::env::join_paths(absolute).unwrap_or_default()
}

/// Returns the nearest parent folder that contains `.git`.
fn work_tree(folder: &Path) -> Option<OsString> {
    let root = folder.canonicalize().ok()?;
    let top = root.ancestors().find(|folder| folder.join(".git").exists())?;
    Some(top.as_os_str().to_owned())
}

/// Writes git's input and reads its output, both with limits.
async fn answer(mut child: Child, input: &str) -> std::io::Result<GitOutput> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // If git refuses early, it closes its input. Only its output matters.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(write, read(stdout, MOST_BYTES), read(stderr, MOST_WORDS));
    Ok(GitOutput { stdout: stdout?, stderr: stderr?, status: child.wait().await? })
}

/// Reads an output up to a limit, and then closes it.
async fn read(output: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        output.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Returns the lines, or the parts between zero bytes, of git's output.
pub(super) fn parts(output: &[u8]) -> impl Iterator<Item = &OsStr> {
    use std::os::unix::ffi::OsStrExt;
    let parts = output.split(|byte| matches!(byte, 0 | b'\n'));
    parts.filter(|part| !part.is_empty()).map(OsStr::from_bytes)
}
