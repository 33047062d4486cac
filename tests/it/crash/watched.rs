//! A traced program: counts every change of a file, and kills the program at a change, cuts it in half or makes it
//! fail.
//!
//! It traces system calls from outside, as a debugger does, so it sees every write, including those of C libraries.
//! Linux on x86-64 only.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A fault at a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Kills the program before the change.
    Kill,
    /// Writes half of the data and kills the program.
    Tear,
    /// Makes the kernel refuse the change.
    Refuse(Errno),
}

/// The result of a traced run.
#[derive(Debug)]
pub struct Seen {
    /// The changes in order.
    pub changes: Vec<Changed>,
    /// The exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
}

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The system call.
    pub call: &'static str,
    /// Whether the change can be cut in half.
    pub tears: bool,
}

/// The state of a traced thread.
#[derive(Default)]
struct Thread {
    is_inside: bool,
    refused: Option<Errno>,
    dies: bool,
}

/// Runs a program that changes files below a folder, and provokes a fault at one of the changes.
///
/// The program reads `input` from its standard input. Its output is discarded.
pub fn run(program: &Path, words: &[&str], scene: &Scene<'_>, fault: Option<(usize, Fault)>) -> Seen {
    // A shell waits until it is traced, and then becomes the program.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read go && exec \"$0\" \"$@\""]).arg(program).args(words);
    command.current_dir(scene.folder).env_clear().env("HOME", scene.folder.join("home"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    // With coverage enabled, every program writes a profile at its end, which would count as a change.
    command.envs(crate::tools::profile().map(|(name, _)| (name, "/dev/null")));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let main = Pid::from_raw(i32::try_from(child.id()).unwrap());
    ptrace::seize(main, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL)
        .unwrap();
    ptrace::interrupt(main).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"go\n").unwrap();
    // A program that is killed early reads nothing.
    let _ = stdin.write_all(scene.input.as_bytes());
    drop(stdin);
    let code = watch(main, scene.folder, fault);
    // Its status was collected above.
    let _ = child.wait();
    code
}

/// The setting of a run.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The project, which contains the user's home.
    pub folder: &'a Path,
    /// The standard input of the program.
    pub input: &'a str,
}

fn watch(main: Pid, folder: &Path, fault: Option<(usize, Fault)>) -> Seen {
    let folder = folder.canonicalize().unwrap();
    let mut threads: BTreeMap<Pid, Thread> = BTreeMap::new();
    let mut changes = Vec::new();
    loop {
        // Waits for children of this thread only, because other tests have their own.
        let status = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD));
        let status = match status {
            Ok(status) => status,
            Err(Errno::EINTR) => continue,
            Err(error) => panic!("{error}"),
        };
        let (pid, signal) = match status {
            WaitStatus::Exited(pid, code) if pid == main => return Seen { changes, code: Some(code) },
            WaitStatus::Signaled(pid, ..) if pid == main => return Seen { changes, code: None },
            WaitStatus::PtraceSyscall(pid) => {
                call(pid, &folder, (&mut threads, &mut changes), (main, fault));
                (pid, None)
            }
            WaitStatus::PtraceEvent(pid, ..) => (pid, None),
            WaitStatus::Stopped(pid, signal) => (pid, Some(signal)),
            _ => continue,
        };
        // A thread that was killed meanwhile reports it itself.
        let _ = ptrace::syscall(pid, signal);
    }
}

/// Handles a thread that enters or leaves a system call.
fn call(
    pid: Pid,
    folder: &Path,
    (threads, seen): (&mut BTreeMap<Pid, Thread>, &mut Vec<Changed>),
    (main, fault): (Pid, Option<(usize, Fault)>),
) {
    let thread = threads.entry(pid).or_default();
    thread.is_inside = !thread.is_inside;
    let Ok(mut registers) = ptrace::getregs(pid) else { return };
    if !thread.is_inside {
        if thread.dies {
            let _ = kill(main, Signal::SIGKILL);
        } else if let Some(error) = thread.refused.take() {
            registers.rax = u64::from_ne_bytes(i64::from(-(error as i32)).to_ne_bytes());
            ptrace::setregs(pid, registers).unwrap();
        }
        return;
    }
    let Some(changed) = changed(main, folder, &registers) else { return };
    let (tears, number) = (changed.tears, seen.len());
    seen.push(changed);
    match fault {
        Some((at, Fault::Kill)) if at == number => drop(kill(main, Signal::SIGKILL)),
        Some((at, Fault::Tear)) if at == number && tears => {
            registers.rdx /= 2;
            ptrace::setregs(pid, registers).unwrap();
            thread.dies = true;
        }
        Some((at, Fault::Refuse(error))) if at == number => {
            // No system call has this number.
            registers.orig_rax = u64::MAX;
            ptrace::setregs(pid, registers).unwrap();
            thread.refused = Some(error);
        }
        _ => {}
    }
}

/// Returns the change that a system call is about to make to the files below a folder.
fn changed(main: Pid, folder: &Path, registers: &libc::user_regs_struct) -> Option<Changed> {
    let number = i64::from_ne_bytes(registers.orig_rax.to_ne_bytes());
    let is_below = || {
        let link = PathBuf::from(format!("/proc/{main}/fd/{}", registers.rdi));
        std::fs::read_link(link).is_ok_and(|path| path.starts_with(folder))
    };
    let creates = |flags: u64| flags & u64::try_from(libc::O_CREAT).unwrap() != 0;
    let (call, tears, counts) = match number {
        libc::SYS_write => ("write", registers.rdx > 1, is_below()),
        libc::SYS_pwrite64 => ("pwrite", registers.rdx > 1, is_below()),
        libc::SYS_writev | libc::SYS_pwritev | libc::SYS_pwritev2 => ("writev", false, is_below()),
        libc::SYS_copy_file_range => ("copy_file_range", false, true),
        libc::SYS_fsync | libc::SYS_fdatasync => ("fsync", false, is_below()),
        libc::SYS_ftruncate => ("ftruncate", false, is_below()),
        libc::SYS_fallocate => ("fallocate", false, is_below()),
        libc::SYS_rename | libc::SYS_renameat | libc::SYS_renameat2 => ("rename", false, true),
        libc::SYS_link | libc::SYS_linkat => ("link", false, true),
        libc::SYS_unlink | libc::SYS_unlinkat | libc::SYS_rmdir => ("unlink", false, true),
        libc::SYS_mkdir | libc::SYS_mkdirat => ("mkdir", false, true),
        libc::SYS_chmod | libc::SYS_fchmod | libc::SYS_fchmodat => ("chmod", false, true),
        libc::SYS_openat => ("create", false, creates(registers.rdx)),
        _ => return None,
    };
    counts.then_some(Changed { call, tears })
}
