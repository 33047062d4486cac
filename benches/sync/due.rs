//! A thousand integrations that are due at once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::parts::write;
use crate::pipe::{raw, sends};
use crate::shared::number_of;

pub fn measure() {
    let count = number_of("SPILE_BENCH_DUE", 1_000);
    let project = raw("due", "[sync]\njobs = 2\n");
    sends(&project, 10, 200, "");
    for number in 0..count {
        let text = "type = 'raw'\nloader = 'file'\nschedule = '* * * * *'\n";
        write(&project.folder, &format!("integrations/things-{number}.toml"), text);
    }
    project.spile(&["apply", "--yes"]);
    project.spile(&["sync", "things-0"]);
    // All are due when the next minute has begun.
    std::thread::sleep(Duration::from_secs(61));
    let began = Instant::now();
    let mut child = project.program(&["run-due"]).stdout(Stdio::null()).spawn().expect("it starts");
    let (mut most, mut processes) = (0.0_f64, 0);
    while child.try_wait().expect("a child").is_none() {
        let (memory, children) = looked_at(child.id());
        (most, processes) = (most.max(memory), processes.max(children));
        std::thread::sleep(Duration::from_millis(50));
    }
    let took = began.elapsed().as_secs_f64();
    let ended = project.runs(count);
    let ok = ended.iter().filter(|run| run["status"] == "ok").count();
    assert_eq!(ok, count, "runs that ended well");
    println!("\n### {count} integrations that are due at once, two jobs\n");
    println!("| s | s each | spile, most MiB | most processes below it |\n|---:|---:|---:|---:|");
    let each = took / f64::from(u32::try_from(count).expect("a count"));
    println!("| {took:.0} | {each:.2} | {most:.1} | {processes} |");
}

/// Returns the peak memory of a process in MiB, and how many processes run below it.
fn looked_at(id: u32) -> (f64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    (kib / 1024.0, below(id))
}

fn below(id: u32) -> usize {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).map(|child| 1 + below(child)).sum()
}
