//! Zip archives of uncompressed text files: the container format of wheels (PKWARE's APPNOTE 6.3, sections 4.3.7 to
//! 4.3.16).
//!
//! Written here, because a few small files need neither compression, nor dates, nor a reader.

/// The version of the format that a reader has to support.
const VERSION: u16 = 20;

/// The flag for names in UTF-8.
const UTF8: u16 = 1 << 11;

/// 1 January 1980, the first day in the format. Fixed, so that archives made at different times have the same bytes.
const FIRST_DAY: u16 = (1 << 5) | 1;

/// The mode of a regular file that everyone can read, as Unix writes it, in the upper half.
const MODE: u32 = 0o100_644 << 16;

/// Returns an archive of files, by name and text.
pub(super) fn stored(files: &[(String, String)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let (offset, head) = (narrow(archive.len()), head(name, text));
        archive.extend(b"PK\x03\x04");
        archive.extend(&head);
        archive.extend(name.as_bytes());
        archive.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02");
        // Made on Unix (3), for the mode below.
        directory.extend((3 << 8 | VERSION).to_le_bytes());
        directory.extend(&head);
        // No comment, the first disk, no internal attributes.
        directory.extend([0; 6]);
        directory.extend(MODE.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size, count) = (narrow(archive.len()), narrow(directory.len()), short(files.len()));
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    archive.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    archive.extend([0; 2]);
    archive
}

/// Returns what a file's entry and its line in the directory share.
fn head(name: &str, text: &str) -> Vec<u8> {
    // Uncompressed, at midnight.
    let words = [VERSION, UTF8, 0, 0, FIRST_DAY];
    let sizes = [crc32(text.as_bytes()), narrow(text.len()), narrow(text.len())];
    let lengths = [short(name.len()), 0];
    let mut head: Vec<u8> = words.into_iter().flat_map(u16::to_le_bytes).collect();
    head.extend(sizes.into_iter().flat_map(u32::to_le_bytes));
    head.extend(lengths.into_iter().flat_map(u16::to_le_bytes));
    head
}

/// Our packages are kilobytes in size, so they never exceed the limit of the format.
fn narrow(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn short(size: usize) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

/// Returns zip's checksum: CRC-32 with the reflected polynomial of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_matches_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn an_archive_ends_with_a_directory_of_its_files() {
        let files = [("a/b.py", "x = 1\n"), ("c", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
        let archive = stored(&files);
        let end = archive.len() - 22;
        assert_eq!(&archive[end..end + 4], b"PK\x05\x06");
        assert_eq!(archive[end + 10..end + 12], 2_u16.to_le_bytes());
        let start = u32::from_le_bytes(archive[end + 16..end + 20].try_into().unwrap()) as usize;
        assert_eq!(&archive[start..start + 4], b"PK\x01\x02");
        assert_eq!(&archive[30..42], b"a/b.pyx = 1\n");
    }
}
