//! A bitmap in git's EWAH format: 64-bit words, in which a run of equal words is stored only once.

/// The most bits that are read: more entries than any repository has.
const MOST: usize = 1 << 27;

/// A set of numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::files::own_folder) struct Bitmap(Vec<u64>);

impl Bitmap {
    /// Reads a bitmap; `None` if it is damaged. Ignores the bytes that follow it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bits = number(bytes, 0)?;
        let count = number(bytes, 4)?;
        if bits > MOST {
            return None;
        }
        let most = bits.div_ceil(64);
        let words = bytes.get(8..)?.get(..count.checked_mul(8)?)?;
        let mut words = words.chunks_exact(8).filter_map(|word| word.try_into().ok()).map(u64::from_be_bytes);
        let mut found = Vec::new();
        while let Some(marker) = words.next() {
            let (run, literals) = ((marker >> 1) & 0xffff_ffff, marker >> 33);
            let run = usize::try_from(run).ok().filter(|run| found.len() + run <= most)?;
            let filler = if marker & 1 == 1 { u64::MAX } else { 0 };
            found.extend(std::iter::repeat_n(filler, run));
            for _ in 0..literals {
                found.push(words.next()?);
            }
        }
        (found.len() <= most).then_some(Self(found))
    }

    /// Tells whether the set contains a number.
    pub(in crate::files::own_folder) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bits: u32, words: &[u64]) -> Vec<u8> {
        let mut bytes = [bits.to_be_bytes(), u32::try_from(words.len()).unwrap().to_be_bytes()].concat();
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes.extend(0_u32.to_be_bytes());
        bytes
    }

    #[test]
    fn runs_and_words_are_read() {
        // A run of one word of ones, then a literal word.
        let bitmap = Bitmap::read(&written(128, &[1 | 1 << 1 | 1 << 33, 0b101])).unwrap();
        let found: Vec<usize> = (0..200).filter(|number| bitmap.contains(*number)).collect();
        assert_eq!(found, (0..64).chain([64, 66]).collect::<Vec<_>>());
        assert_eq!(Bitmap::read(&written(0, &[0])), Some(Bitmap::default()));
    }

    #[test]
    fn a_damaged_bitmap_is_refused_and_takes_no_memory() {
        let endless = 1 | 0xffff_ffff << 1;
        for damaged in [written(64, &[endless]), written(64, &[1 << 33]), written(u32::MAX, &[endless]), vec![0; 6]] {
            assert_eq!(Bitmap::read(&damaged), None);
        }
        let whole = written(64, &[1 << 33, 7]);
        assert_eq!(Bitmap::read(&whole[..whole.len() - 5]), None);
    }
}
