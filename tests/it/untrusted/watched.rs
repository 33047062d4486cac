//! A program traced from outside: which files it opens, what it changes, which hosts it contacts, and which programs it
//! starts. Linux on x86-64 only.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long a program may run before it is killed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The memory limit: a program that reads a device to its end must not bring the machine down.
const MOST_KIBIBYTES: u64 = 3 << 20;

/// An action of a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// It opened a file for reading, or tried to.
    Opened(PathBuf),
    /// It changed something.
    Changed(String),
    /// It contacted a host, with the address as far as it is known.
    Called(String),
    /// It started a program.
    Started(PathBuf),
}

/// The result of a traced run.
#[derive(Debug)]
pub struct Seen {
    pub deeds: Vec<Deed>,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The CPU time, because other processes share the CPUs.
    pub took: Duration,
    /// The peak memory, in KiB.
    pub peak: u64,
    /// Its output on both streams.
    pub said: String,
}

/// How closely to trace a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Every system call, which is slow.
    AtCalls,
    /// Only the resources used.
    AtTheEnd,
}

/// What to run, and where.
pub struct Scene<'a> {
    pub program: &'a Path,
    pub words: &'a [&'a str],
    pub folder: &'a Path,
    pub home: &'a Path,
    pub variables: &'a [(&'a str, &'a str)],
    pub look: Look,
}

/// A system call in progress.
struct Call {
    number: i64,
    arguments: [u64; 6],
}

struct Watch {
    main: Pid,
    look: Look,
    /// Whether the program itself is running, and no longer the shell before it.
    is_begun: bool,
    inside: BTreeMap<Pid, Call>,
    deeds: Vec<Deed>,
    took: Duration,
    peak: u64,
}

/// Runs a program to its end and records its actions.
pub fn run(scene: &Scene<'_>) -> Seen {
    let outputs = tempfile::tempfile().unwrap();
    // A shell waits until it is traced, and then becomes the program.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -v {MOST_KIBIBYTES}; read go && exec \"$0\" \"$@\" </dev/null")]);
    command.arg(scene.program).args(scene.words).current_dir(scene.folder).env_clear();
    command.env("HOME", scene.home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(scene.variables.iter().copied());
    command.envs(crate::tools::profile().map(|(name, _)| (name, "/dev/null")));
    command.stdin(Stdio::piped()).stdout(outputs.try_clone().unwrap()).stderr(outputs.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let main = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let traced = Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
    let more = Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACEEXIT | Options::PTRACE_O_EXITKILL;
    wait_for_the_shell(main);
    ptrace::seize(main, Options::PTRACE_O_TRACESYSGOOD | traced | more).unwrap();
    ptrace::interrupt(main).unwrap();
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let (ended, wait) = mpsc::channel::<()>();
    let killer = std::thread::spawn(move || {
        if wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill(main, Signal::SIGKILL);
        }
    });
    let mut watch = Watch {
        main,
        look: scene.look,
        is_begun: false,
        inside: BTreeMap::new(),
        deeds: Vec::new(),
        took: Duration::ZERO,
        peak: 0,
    };
    let code = watch.run();
    drop(ended);
    killer.join().unwrap();
    // Its status was collected above.
    let _ = child.wait();
    let length = usize::try_from(outputs.metadata().unwrap().len().min(64 << 20)).unwrap();
    let mut said = vec![0; length];
    outputs.read_exact_at(&mut said, 0).unwrap();
    Seen {
        deeds: watch.deeds,
        code,
        took: watch.took,
        peak: watch.peak,
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}

/// Waits until a child has become the shell, which then waits for input: the next program that it becomes is the traced
/// one.
fn wait_for_the_shell(child: Pid) {
    let begun = Instant::now();
    let shell = Path::new("/bin/sh").canonicalize().unwrap();
    let is_waiting = || {
        let program = std::fs::read_link(format!("/proc/{child}/exe")).unwrap_or_default();
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        program == shell && state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    };
    while !is_waiting() {
        assert!(begun.elapsed() < PATIENCE, "the shell does not wait");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Watch {
    fn run(&mut self) -> Option<i32> {
        loop {
            // Waits for children of this thread only, because other tests have their own.
            let status = match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(error) => panic!("{error}"),
            };
            let (pid, signal) = match status {
                WaitStatus::Exited(pid, code) if pid == self.main => return Some(code),
                WaitStatus::Signaled(pid, ..) if pid == self.main => return None,
                WaitStatus::PtraceSyscall(pid) => {
                    self.stopped(pid);
                    (pid, None)
                }
                WaitStatus::PtraceEvent(pid, _, event) => {
                    self.happened(pid, event);
                    (pid, None)
                }
                WaitStatus::Stopped(pid, signal) => (pid, Some(signal)),
                _ => continue,
            };
            // A thread that was killed meanwhile reports it itself.
            let _ = match self.look {
                Look::AtCalls => ptrace::syscall(pid, signal),
                Look::AtTheEnd => ptrace::cont(pid, signal),
            };
        }
    }

    fn happened(&mut self, pid: Pid, event: i32) {
        match event {
            libc::PTRACE_EVENT_EXEC if pid == self.main && !self.is_begun => self.is_begun = true,
            libc::PTRACE_EVENT_EXEC => {
                let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
                self.deeds.push(Deed::Started(program));
            }
            libc::PTRACE_EVENT_EXIT if pid == self.main => {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
                self.peak = peak.unwrap_or_default();
                self.took = processor_time(pid);
            }
            _ => {}
        }
    }

    /// Records a system call when a thread enters it, and its result when the thread leaves it.
    fn stopped(&mut self, pid: Pid) {
        let Ok(found) = ptrace::getregs(pid) else { return };
        if let Some(call) = self.inside.remove(&pid) {
            let result = i64::from_ne_bytes(found.rax.to_ne_bytes());
            if self.is_begun {
                self.deeds.extend(deed(pid, &call, result));
            }
            return;
        }
        let number = i64::from_ne_bytes(found.orig_rax.to_ne_bytes());
        let arguments = [found.rdi, found.rsi, found.rdx, found.r10, found.r8, found.r9];
        self.inside.insert(pid, Call { number, arguments });
    }
}

/// Returns the CPU time of a process, including its threads.
fn processor_time(pid: Pid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // In user and kernel mode, in hundredths of a second.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Returns the action of a system call.
fn deed(pid: Pid, call: &Call, result: i64) -> Option<Deed> {
    let [first, second, third, fourth, ..] = call.arguments;
    let here = u64::from_ne_bytes(i64::from(libc::AT_FDCWD).to_ne_bytes());
    let changed = |what: &str, path: &Path| Some(Deed::Changed(format!("{what} {}", path.display())));
    match call.number {
        libc::SYS_open => Some(opened(pid, path(pid, here, first), second, result)),
        libc::SYS_creat => changed("creat", &path(pid, here, first)),
        libc::SYS_openat => Some(opened(pid, path(pid, first, second), third, result)),
        libc::SYS_openat2 => Some(opened(pid, path(pid, first, second), word(pid, third), result)),
        libc::SYS_connect => Some(Deed::Called(address(pid, second, third))),
        libc::SYS_sendto if fourth != 0 || call.arguments[4] != 0 => {
            Some(Deed::Called(address(pid, call.arguments[4], 16)))
        }
        libc::SYS_socket if first != u64::try_from(libc::AF_UNIX).unwrap() => {
            Some(Deed::Called(format!("socket of family {first}")))
        }
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_writev | libc::SYS_pwritev | libc::SYS_pwritev2 => {
            // Results and notes go to these two streams.
            let file = std::fs::read_link(format!("/proc/{pid}/fd/{first}")).unwrap_or_default();
            (first > 2 && file.is_absolute() && !is_nothing(&file)).then(|| changed("write", &file))?
        }
        libc::SYS_ftruncate | libc::SYS_fallocate | libc::SYS_fchmod | libc::SYS_fchown => {
            changed("change", &std::fs::read_link(format!("/proc/{pid}/fd/{first}")).unwrap_or_default())
        }
        libc::SYS_unlink
        | libc::SYS_rmdir
        | libc::SYS_mkdir
        | libc::SYS_chmod
        | libc::SYS_truncate
        | libc::SYS_mknod => changed("change", &path(pid, here, first)),
        libc::SYS_rename | libc::SYS_link | libc::SYS_symlink => changed("rename", &path(pid, here, second)),
        libc::SYS_unlinkat | libc::SYS_mkdirat | libc::SYS_fchmodat | libc::SYS_mknodat => {
            changed("change", &path(pid, first, second))
        }
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => changed("rename", &path(pid, third, fourth)),
        libc::SYS_symlinkat => changed("link", &path(pid, second, third)),
        _ => None,
    }
}

/// Returns the action of opening a file; `flags` are those of the call.
fn opened(pid: Pid, asked: PathBuf, flags: u64, result: i64) -> Deed {
    // The kernel names the opened file, wherever links have led; if opening failed, only the requested path is known.
    let file = if result < 0 { asked } else { std::fs::read_link(format!("/proc/{pid}/fd/{result}")).unwrap_or(asked) };
    let writes = u64::try_from(libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC).unwrap();
    if flags & writes != 0 && !is_nothing(&file) {
        return Deed::Changed(format!("open for writing {}", file.display()));
    }
    Deed::Opened(file)
}

fn is_nothing(path: &Path) -> bool {
    path == Path::new("/dev/null") || path == Path::new("/dev/tty")
}

/// Returns the path that a call names, without `.` and `..`.
fn path(pid: Pid, folder: u64, name: u64) -> PathBuf {
    let here = folder.to_ne_bytes()[..4] == libc::AT_FDCWD.to_ne_bytes();
    let folder = if here { format!("/proc/{pid}/cwd") } else { format!("/proc/{pid}/fd/{folder}") };
    let whole = std::fs::read_link(folder).unwrap_or_default().join(text(pid, name));
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(part),
        }
    }
    plain
}

fn bytes(pid: Pid, at: u64, most: usize) -> Vec<u8> {
    let Ok(memory) = std::fs::File::open(format!("/proc/{pid}/mem")) else { return Vec::new() };
    let mut bytes = vec![0; most];
    // Memory may end just after a text.
    let read = memory.read_at(&mut bytes, at).unwrap_or(0);
    bytes.truncate(read);
    bytes
}

fn text(pid: Pid, at: u64) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut found = bytes(pid, at, 4096);
    let end = found.iter().position(|byte| *byte == 0).unwrap_or(found.len());
    found.truncate(end);
    std::ffi::OsString::from_vec(found).into()
}

fn word(pid: Pid, at: u64) -> u64 {
    bytes(pid, at, 8).try_into().map(u64::from_ne_bytes).unwrap_or_default()
}

/// Returns a readable address.
fn address(pid: Pid, at: u64, length: u64) -> String {
    match bytes(pid, at, usize::try_from(length.min(128)).unwrap()).as_slice() {
        [2, 0, high, low, a, b, c, d, ..] => format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([*high, *low])),
        [1, 0, path @ ..] => format!("unix:{}", String::from_utf8_lossy(path).trim_end_matches('\0')),
        other => format!("{other:?}"),
    }
}
