//! Git's index, read just far enough to tell which paths it tracks.
//!
//! `gix-index` reads it too, with a dozen crates of its own, all entries in memory, and the file mapped: git replaces or
//! cuts it while spile reads, which ends a process that has it mapped. The format is that of git's `index-format.adoc`:
//! versions 2 to 4, split and sparse, with either hash.

mod bitmap;

use bitmap::Bitmap;

/// How many bytes an entry has before its object's id: times, device, mode, owner, size.
const STAT: usize = 40;

/// The flag that says that two more bytes of flags follow.
const EXTENDED: u16 = 0x4000;

/// Why an index cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// It ends too early, or says something else than an index.
    #[error("it is damaged")]
    Damaged,
    /// A newer git wrote it.
    #[error("its format is not supported")]
    Unknown,
}

/// What an index says besides its own entries.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The index that this one is split from.
    pub base: Option<Base>,
}

/// The shared half of a split index.
#[derive(Debug)]
pub(super) struct Base {
    /// The hash in its file's name, in hexadecimal.
    pub id: String,
    /// Its entries that are gone.
    pub deleted: Bitmap,
}

/// Walks through the entries of an index with hashes of `hash` bytes; `see` gets the number and path of each.
///
/// # Errors
/// When it is not an index, or not one that this program knows.
pub(super) fn walk(bytes: &[u8], hash: usize, mut see: impl FnMut(usize, &[u8])) -> Result<Rest, Broken> {
    // The last bytes are a checksum, or zeros where git was asked to skip it.
    let body = bytes.len().checked_sub(hash).and_then(|end| bytes.get(..end)).ok_or(Broken::Damaged)?;
    let mut input = Input { rest: body };
    if input.take(4)? != b"DIRC" {
        return Err(Broken::Damaged);
    }
    let version = input.number()?;
    if !(2..=4).contains(&version) {
        return Err(Broken::Unknown);
    }
    let count = input.number()?;
    let mut path = Vec::new();
    for number in 0..count {
        input.entry(version, hash, &mut path)?;
        see(number as usize, &path);
    }
    input.extensions(hash)
}

/// What is still to be read.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Broken::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Broken> {
        let bytes = self.take(4)?.try_into().map_err(|_| Broken::Damaged)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn flags(&mut self) -> Result<u16, Broken> {
        let bytes = self.take(2)?.try_into().map_err(|_| Broken::Damaged)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// Takes what comes before the next zero, and the zero.
    fn text(&mut self) -> Result<&'a [u8], Broken> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(Broken::Damaged)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// Reads an entry. In version 4 its path begins as the one before it, which `path` holds.
    fn entry(&mut self, version: u32, hash: usize, path: &mut Vec<u8>) -> Result<(), Broken> {
        self.take(STAT + hash)?;
        let is_extended = self.flags()? & EXTENDED != 0;
        if is_extended && version < 3 {
            return Err(Broken::Damaged);
        }
        if is_extended {
            self.flags()?;
        }
        if version == 4 {
            let kept = path.len().checked_sub(self.offset()?).ok_or(Broken::Damaged)?;
            path.truncate(kept);
            path.extend_from_slice(self.text()?);
            return Ok(());
        }
        let text = self.text()?;
        let length = STAT + hash + if is_extended { 4 } else { 2 } + text.len();
        // Zeros fill an entry up to a multiple of eight bytes; the first ended the path.
        if self.take(7 - length % 8)?.iter().any(|byte| *byte != 0) {
            return Err(Broken::Damaged);
        }
        path.clear();
        path.extend_from_slice(text);
        Ok(())
    }

    /// Reads a number of variable length, as the offsets of packs are written.
    fn offset(&mut self) -> Result<usize, Broken> {
        let mut value = 0_usize;
        loop {
            let byte = self.take(1)?[0];
            value = value.checked_shl(7).ok_or(Broken::Damaged)? | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            value = value.checked_add(1).filter(|value| *value < 1 << 32).ok_or(Broken::Damaged)?;
        }
    }

    fn extensions(mut self, hash: usize) -> Result<Rest, Broken> {
        let mut rest = Rest::default();
        while !self.rest.is_empty() {
            let name = self.take(4)?;
            let length = self.number()? as usize;
            let content = self.take(length)?;
            match name {
                b"link" => rest.base = base(content, hash)?,
                // Of the first, entries may be folders whose files are not listed. What begins with a capital may be passed over.
                b"sdir" | [b'A'..=b'Z', ..] => {}
                _ => return Err(Broken::Unknown),
            }
        }
        Ok(rest)
    }
}

fn base(content: &[u8], hash: usize) -> Result<Option<Base>, Broken> {
    let (id, rest) = content.split_at_checked(hash).ok_or(Broken::Damaged)?;
    if id.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let hexadecimal = id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    // The second bitmap says which entries are another's now: their paths stay.
    let deleted = if rest.is_empty() { Bitmap::default() } else { Bitmap::read(rest).ok_or(Broken::Damaged)? };
    Ok(Some(Base { id: hexadecimal, deleted }))
}
