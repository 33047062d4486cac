//! Reads git's index, just far enough to tell which paths it tracks.
//!
//! `gix-index` reads it too, but brings a dozen crates, keeps all entries in memory, and maps the file. Git may replace
//! or truncate the file while spile reads it, which kills a process that has mapped it. The format is described in
//! git's `index-format.adoc`: versions 2 to 4, split and sparse, with either hash.

mod bitmap;

use bitmap::Bitmap;

/// How many bytes an entry has before its object id: times, device, mode, owner, size.
const STAT: usize = 40;

/// The flag that announces two more bytes of flags.
const EXTENDED: u16 = 0x4000;

/// Why an index cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// It ends too early, or is not an index.
    #[error("it is damaged")]
    Damaged,
    /// A newer git wrote it.
    #[error("its format is not supported")]
    Unknown,
}

/// What an index contains besides its own entries.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The shared index that a split index is based on.
    pub base: Option<Base>,
}

/// The shared part of a split index.
#[derive(Debug)]
pub(super) struct Base {
    /// The hash in its file name, in hexadecimal.
    pub id: String,
    /// Its entries that were deleted.
    pub deleted: Bitmap,
}

/// Visits the entries of an index with hashes of `hash` bytes. Calls `see` with the number and path of each entry.
///
/// # Errors
/// When it is not an index, or has an unsupported format.
pub(super) fn walk(bytes: &[u8], hash: usize, mut see: impl FnMut(usize, &[u8])) -> Result<Rest, Broken> {
    // The last bytes are a checksum, or zeros if git was configured to skip it.
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

/// The bytes that are still to be read.
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

    /// Reads up to the next zero byte, and consumes that byte.
    fn text(&mut self) -> Result<&'a [u8], Broken> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(Broken::Damaged)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// Reads an entry. In version 4 its path shares a prefix with the previous path, which `path` holds.
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
        // Zeros pad an entry to a multiple of eight bytes. The first of them ended the path.
        if self.take(7 - length % 8)?.iter().any(|byte| *byte != 0) {
            return Err(Broken::Damaged);
        }
        path.clear();
        path.extend_from_slice(text);
        Ok(())
    }

    /// Reads a variable-length number in the encoding of pack offsets.
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
                // `sdir` says that entries may be folders whose files are not listed. An extension with a capital
                // letter is optional.
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
    // The second bitmap marks entries that were replaced. Their paths stay the same.
    let deleted = if rest.is_empty() { Bitmap::default() } else { Bitmap::read(rest).ok_or(Broken::Damaged)? };
    Ok(Some(Base { id: hexadecimal, deleted }))
}
