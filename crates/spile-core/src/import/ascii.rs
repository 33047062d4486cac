//! Names of plugins in characters that are valid in file names.

/// Returns a name in ASCII: letters lose their accents, and others are written as `u` with their number.
///
/// Other characters stay as they are. Every letter leaves a trace, so that two names seldom become the same.
#[must_use]
pub fn ascii(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii() || !c.is_alphanumeric() { c.to_string() } else { letter(c) }).collect()
}

fn letter(c: char) -> String {
    let lower: String = c.to_lowercase().collect();
    let plain = PLAIN.iter().find(|(letters, _)| letters.contains(&lower)).map(|(_, plain)| *plain);
    match plain {
        Some(plain) if c.is_uppercase() => plain.to_ascii_uppercase(),
        Some(plain) => plain.to_owned(),
        None => format!("u{:x}", u32::from(c)),
    }
}

/// Letters of Latin alphabets, and their replacements.
const PLAIN: [(&str, &str); 26] = [
    ("\u{e0}\u{e1}\u{e2}\u{e3}\u{e4}\u{e5}\u{101}\u{103}\u{105}", "a"),
    ("\u{e6}", "ae"),
    ("\u{e7}\u{107}\u{109}\u{10b}\u{10d}", "c"),
    ("\u{10f}\u{111}\u{f0}", "d"),
    ("\u{e8}\u{e9}\u{ea}\u{eb}\u{113}\u{115}\u{117}\u{119}\u{11b}", "e"),
    ("\u{11d}\u{11f}\u{121}\u{123}", "g"),
    ("\u{125}\u{127}", "h"),
    ("\u{ec}\u{ed}\u{ee}\u{ef}\u{129}\u{12b}\u{12d}\u{12f}\u{131}", "i"),
    ("\u{135}", "j"),
    ("\u{137}", "k"),
    ("\u{13a}\u{13c}\u{13e}\u{142}", "l"),
    ("\u{f1}\u{144}\u{146}\u{148}", "n"),
    ("\u{f2}\u{f3}\u{f4}\u{f5}\u{f6}\u{f8}\u{14d}\u{14f}\u{151}", "o"),
    ("\u{153}", "oe"),
    ("\u{155}\u{157}\u{159}", "r"),
    ("\u{15b}\u{15d}\u{15f}\u{161}\u{219}", "s"),
    ("\u{df}", "ss"),
    ("\u{163}\u{165}\u{167}\u{21b}", "t"),
    ("\u{fe}", "th"),
    ("\u{f9}\u{fa}\u{fb}\u{fc}\u{169}\u{16b}\u{16d}\u{16f}\u{171}\u{173}", "u"),
    ("\u{175}", "w"),
    ("\u{fd}\u{ff}\u{177}", "y"),
    ("\u{17a}\u{17c}\u{17e}", "z"),
    ("\u{aa}", "a"),
    ("\u{ba}", "o"),
    ("\u{b5}", "u"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_readable_without_its_accents() {
        for (name, plain) in [
            ("tap-\u{fc}", "tap-u"),
            ("Tap-\u{d6}kostrom", "Tap-Okostrom"),
            ("stra\u{df}e", "strasse"),
            ("\u{141}\u{f3}d\u{17a}", "Lodz"),
            ("tap-\u{4e2d}\u{6587}", "tap-u4e2du6587"),
            ("tap.x@2", "tap.x@2"),
        ] {
            assert_eq!(ascii(name), plain);
        }
    }
}
