//! Positions as editors count them: lines from 0, and columns in bytes or in UTF-16 units.

/// The unit of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 units, the editors' default.
    Utf16,
}

/// Returns the line and the column of a byte. A byte after the end counts as the end.
#[must_use]
pub fn position(text: &str, offset: usize, encoding: Encoding) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = match encoding {
        Encoding::Utf8 => before.len() - start,
        Encoding::Utf16 => before[start..].chars().map(char::len_utf16).sum(),
    };
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Returns the byte at a line and a column. A column after the end of its line counts as the end of the line.
#[must_use]
pub fn offset(text: &str, line: u32, column: u32, encoding: Encoding) -> usize {
    let mut start = 0;
    for _ in 0..line {
        match text[start..].find('\n') {
            Some(newline) => start += newline + 1,
            None => return text.len(),
        }
    }
    let line = text[start..].split('\n').next().unwrap_or_default();
    let mut left = column;
    for (at, character) in line.char_indices() {
        let width = match encoding {
            Encoding::Utf8 => character.len_utf8(),
            Encoding::Utf16 => character.len_utf16(),
        };
        let width = u32::try_from(width).unwrap_or(1);
        if left < width {
            return start + at;
        }
        left -= width;
    }
    start + line.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_counted_in_the_negotiated_encoding() {
        let text = "a\nä𝄞x\n";
        assert_eq!(position(text, text.find('x').unwrap(), Encoding::Utf16), (1, 3));
        assert_eq!(position(text, text.find('x').unwrap(), Encoding::Utf8), (1, 6));
        assert_eq!(offset(text, 1, 3, Encoding::Utf16), text.find('x').unwrap());
        assert_eq!(offset(text, 1, 99, Encoding::Utf16), text.len() - 1);
        assert_eq!(offset(text, 9, 0, Encoding::Utf16), text.len());
        let within = text.find('𝄞').unwrap();
        for byte in within..within + 4 {
            assert_eq!(position(text, byte, Encoding::Utf16), (1, 1), "within a letter is before it");
        }
    }

    proptest! {
        #[test]
        fn a_position_converts_back_to_its_byte(text in "[a\u{e4}\u{1d11e}\n]{0,20}", at in 0_usize..60) {
            let at = text.char_indices().map(|(at, _)| at).chain([text.len()]).min_by_key(|byte| byte.abs_diff(at)).unwrap();
            for encoding in [Encoding::Utf8, Encoding::Utf16] {
                let (line, column) = position(&text, at, encoding);
                prop_assert_eq!(offset(&text, line, column, encoding), at);
            }
        }
    }
}
