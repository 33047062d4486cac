//! The hostile repository with random changes: every command that reads still ends soon, uses little memory, does not
//! crash, and changes no byte outside.

use std::fmt::Write;
use std::time::Duration;

use super::traced::{READING, watch};
use super::watched::Look;
use crate::hostile::tricks;
use crate::hostile::yard::{PRIVATE, Yard};

/// How long a debug build may take on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// The most memory that may be used, in KiB.
const MOST: u64 = 200 << 10;

/// Commands that read, and may use spile's own data.
const TRUSTING: [&str; 10] = [
    "plan --offline",
    "plan",
    "check --discover",
    "connectors list --hub",
    "status",
    "runs",
    "history",
    "schedules",
    "drift",
    "logs fruit",
];

/// Pseudorandom numbers, the same for the same seed: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Mutates a text as an attacker would: cuts it, doubles it, or inserts bytes that do not belong there.
fn mutated(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let at = dice.below(bytes.len() + 1);
    let (head, tail) = bytes.split_at(at);
    let odd: [&[u8]; 12] = [
        b"\0",
        b"\xff",
        b"\x1b[31m",
        b"\r",
        "\u{202e}".as_bytes(),
        b"${HOME}",
        b"../",
        b"[[",
        b"\"\"\"",
        b"{{",
        b"{%",
        b"&a *a",
    ];
    match dice.below(4) {
        0 => head.to_vec(),
        1 => [head, *dice.of(&odd), tail].concat(),
        2 => [bytes, tail].concat(),
        _ => [head, &dice.of(&odd).repeat(1 + dice.below(5000)), tail].concat(),
    }
}

/// Lays out some tricks and changes some files; returns which, to reproduce a failure.
fn hostile(dice: &mut Dice) -> (Yard, String) {
    let (yard, tricks) = (Yard::new(), tricks::all());
    let mut told = String::new();
    for _ in 0..dice.below(5) {
        let trick = dice.of(&tricks);
        trick.lay(&yard);
        write!(told, "\n  {}", trick.name).unwrap();
    }
    for _ in 0..dice.below(4) {
        let files = yard.files();
        if files.is_empty() {
            continue;
        }
        let path = dice.of(&files);
        let bytes = mutated(dice, &std::fs::read(path).unwrap());
        std::fs::write(path, bytes).unwrap();
        write!(told, "\n  {} was changed", path.display()).unwrap();
    }
    (yard, told)
}

#[test]
fn any_repository_is_read_quickly_in_little_memory_and_changes_nothing_outside() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let seed = number("SPILE_HOSTILE_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let cases = number("SPILE_HOSTILE_CASES").unwrap_or(40);
    let lines: Vec<String> = READING.iter().map(|line| format!("{line} --untrusted")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).chain(READING).chain(TRUSTING).collect();
    for case in 0..cases {
        let mut dice = Dice(seed.wrapping_add(case));
        let (yard, laid) = hostile(&mut dice);
        let before = yard.surroundings();
        let line = *dice.of(&lines);
        let told = || format!("SPILE_HOSTILE_SEED={} SPILE_HOSTILE_CASES=1: `spile {line}` over{laid}", seed + case);
        let done = watch(&yard, line, Look::AtTheEnd);
        assert!(done.took < SOON, "it took {:?}: {}", done.took, told());
        assert!(matches!(done.code, Some(0..=5 | 64)), "it ended with {:?}: {}\n{}", done.code, told(), done.said);
        assert!(done.peak < MOST, "it took {} MiB: {}", done.peak >> 10, told());
        assert!(!done.said.contains(PRIVATE), "it shows a private file: {}\n{}", told(), done.said);
        assert!(yard.surroundings() == before, "something beside it has changed: {}", told());
    }
}
