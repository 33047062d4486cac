//! A thousand integrations that are due at once.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::parts::write;
use crate::pipe::{raw, sends};
use crate::shared::{Memory, number_of};

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
    let (mut most, mut processes) = (Memory::default(), 0);
    let folder = Path::new("/proc").join(child.id().to_string());
    while child.try_wait().expect("a child").is_none() {
        most = most.most(Memory::of(&folder).unwrap_or_default());
        processes = processes.max(below(child.id()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let took = began.elapsed().as_secs_f64();
    let ended = project.runs(count);
    let ok = ended.iter().filter(|run| run["status"] == "ok").count();
    assert_eq!(ok, count, "runs that ended well");
    println!("\n### {count} integrations that are due at once, two jobs\n");
    println!("| s | s each | spile, most MiB | most processes below it |\n|---:|---:|---:|---:|");
    let each = took / f64::from(u32::try_from(count).expect("a count"));
    println!("| {took:.0} | {each:.2} | {:.1} | {processes} |", most.resident);
}

/// Returns how many processes run below a process.
fn below(id: u32) -> usize {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).map(|child| 1 + below(child)).sum()
}
