//! Kills between writing the rows to the destination and the bookmark to the registry.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::Machines;
use crate::real::kills::{Victim, kill, number, wait_for_quiet};
use crate::supabase::proxy::{Fault, Proxy};

/// The victim of each kill, and whether the held request was already carried out.
const KINDS: [(Victim, Fault); 6] = [
    (Victim::Spile, Fault::HeldBefore),
    (Victim::Meltano, Fault::HeldAfter),
    (Victim::Everything, Fault::HeldBefore),
    (Victim::Spile, Fault::HeldAfter),
    (Victim::Meltano, Fault::HeldBefore),
    (Victim::Everything, Fault::HeldAfter),
];

/// How many rows a run of the tap reads, which the test target confirms as one batch.
const BATCH: usize = 20;

/// Six kills, one of each kind, alternating between two machines; set `SPILE_BOOKMARK_KILLS=50` for more, as the weekly
/// workflow does.
#[test]
fn a_kill_between_rows_and_bookmark_loses_nothing_and_repeats_one_batch() {
    let Some(machines) = Machines::start() else { return };
    let proxy = Proxy::beside(&machines.subject.database.url);
    let kills = number("SPILE_BOOKMARK_KILLS").unwrap_or(KINDS.len() as u64);
    for round in 0..kills {
        let (victim, fault) = KINDS[usize::try_from(round).unwrap() % KINDS.len()];
        let machine = if round % 2 == 0 { &machines.one } else { &machines.other };
        let told = format!("round {round}: {victim:?}, {fault:?}");
        let (kept, rows) = (machines.kept(), machines.rows().len());
        proxy.at("POST /rpc/spile_keep_state", 0, fault);
        let mut command = machines.command(machine, &["sync", "things", "-q"]);
        command.env("SUPABASE_URL", &proxy.url).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        while !proxy.holds() {
            assert!(begun.elapsed() < Duration::from_mins(4), "{told}: no bookmark was on its way");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(machines.began().last().unwrap(), &kept.to_string(), "{told}: it did not start at the bookmark");
        assert_eq!(machines.rows().len(), rows + BATCH, "{told}: the rows arrive before their bookmark");
        kill(machine, &mut child, victim);
        proxy.let_go();
        child.wait().unwrap();
        wait_for_quiet(machine, &told);
        let now = machines.kept();
        assert!(now == kept || now == kept + 20, "{told}: {now} is stored after {kept}");
        // As if a minute had passed.
        machines.subject.database.sql("update integration_leases set expires_at = now() - interval '1 second'");
    }
    machines.sync(&machines.one);
    let mut rows = machines.rows();
    let all = rows.len();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows, (1..=machines.kept()).collect::<Vec<_>>(), "every row up to the bookmark exists");
    let repeated = all - rows.len();
    assert!(repeated <= BATCH * usize::try_from(kills).unwrap(), "{repeated} rows were repeated by {kills} kills");
    assert!(!machines.notes().join("twice").exists());
}
