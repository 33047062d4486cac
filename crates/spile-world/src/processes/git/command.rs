//! The one place that starts git. A repository's own configuration and attributes can name programs in two dozen ways:
//! all of them are switched off, and of the environment git gets no more than it needs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::GitError;

/// How long git may take to read what it has at hand. What takes longer waits for something.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a push may take: the other side runs checks of its own.
const PATIENCE_OF_A_PUSH: Duration = Duration::from_mins(5);

/// How many bytes of an answer are read.
const MOST_BYTES: u64 = 64 << 20;

/// How many bytes of a complaint are read.
const MOST_WORDS: u64 = 16 << 10;

/// What a configuration may not do, whoever wrote it. These win over every file.
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

/// What only a push needs: whoever reads talks to nobody.
const OFF_FOR_READERS: [&str; 4] =
    ["core.askPass=", "core.sshCommand=false", "credential.helper=", "protocol.allow=never"];

/// What git gets of the environment.
const KEPT: [&str; 3] = ["HOME", "TMPDIR", "XDG_CONFIG_HOME"];

/// What a push gets besides: where the keys are, and the way out.
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

/// What git is started for, and so what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The repository. The user's own configuration counts: it says which repositories of others are safe.
    Repository,
    /// The repository, and no configuration of the user's or of the machine's.
    RepositoryAlone,
    /// A remote, by the user's own keys.
    Remote,
}

/// git, in a folder.
#[derive(Debug)]
pub(super) struct Git<'a> {
    folder: &'a Path,
    reach: Reach,
    variables: Vec<(OsString, OsString)>,
}

/// What git said.
#[derive(Debug)]
pub(super) struct GitOutput {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl GitOutput {
    /// Returns git's own words.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

impl<'a> Git<'a> {
    pub fn at(folder: &'a Path, reach: Reach) -> Self {
        Self { folder, reach, variables: Vec::new() }
    }

    /// Sets a variable of the process.
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Returns what git prints; where it refuses, that in its own words.
    pub async fn succeeds(&self, what: &'static str, words: &[&str]) -> Result<Vec<u8>, GitError> {
        let answer = self.run(words, None).await?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        Err(GitError::Failed { what, said: answer.complaint() })
    }

    /// Runs git to its end, or to the end of our patience.
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

    /// Returns the command. It asks nobody anything: a server has no terminal, and whoever waits for it would wait for
    /// an answer. It ends when nobody waits for it any more.
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
        // Of ssh no command is set, for that would take the place of the user's own.
        command.envs([("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")]);
        // A repository may say that its work tree is elsewhere. It is where the repository was found.
        command.envs(work_tree(self.folder).map(|top| ("GIT_WORK_TREE", top)));
        match self.reach {
            Reach::Remote => keep(&mut command, &[&KEPT[..], &KEPT_FOR_A_PUSH].concat()),
            Reach::Repository => keep(&mut command, &KEPT),
            Reach::RepositoryAlone => drop(command.env("GIT_CONFIG_GLOBAL", "/dev/null")),
        }
        if self.reach != Reach::Remote {
            // An object that is missing stays missing. Older versions know the second of these alone.
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

/// Returns the folders in which programs are found. One that is relative would be one of the repository.
#[expect(clippy::disallowed_methods, reason = "git gets what it needs of the environment, and nothing else")]
fn path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let absolute = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    std::env::join_paths(absolute).unwrap_or_default()
}

/// Returns the folder with `.git` that a folder is in.
fn work_tree(folder: &Path) -> Option<OsString> {
    let root = folder.canonicalize().ok()?;
    let top = root.ancestors().find(|folder| folder.join(".git").exists())?;
    Some(top.as_os_str().to_owned())
}

/// Hands git its input and takes what it says, neither of it without end.
async fn answer(mut child: Child, input: &str) -> std::io::Result<GitOutput> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // What refuses early closes its input; what it says is what counts.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(write, read(stdout, MOST_BYTES), read(stderr, MOST_WORDS));
    Ok(GitOutput { stdout: stdout?, stderr: stderr?, status: child.wait().await? })
}

/// Reads an output; whoever writes more than that finds it closed.
async fn read(output: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        output.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Returns the lines, or the parts between zeros, of what git printed.
pub(super) fn parts(output: &[u8]) -> impl Iterator<Item = &OsStr> {
    use std::os::unix::ffi::OsStrExt;
    let parts = output.split(|byte| matches!(byte, 0 | b'\n'));
    parts.filter(|part| !part.is_empty()).map(OsStr::from_bytes)
}
