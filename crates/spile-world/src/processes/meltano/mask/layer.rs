//! Decodes encodings that escape some letters and leave the others unchanged.
//!
//! Each is decoded wherever its escapes occur, because it is unknown where a program started to encode.

use super::view::{DecodedView, View};

/// An encoding of single letters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layer {
    /// `\n`, `\"`, `\x41`, `\u0041` in JSON, Python's `repr`, C and similar languages; a shell's `\ `.
    Backslash,
    /// `%41` in URLs.
    Percent,
    /// The same in forms, where `+` is a space.
    Form,
    /// `&quot;`, `&#39;`, `&#x27;` in HTML and XML.
    Entity,
    /// `''` in SQL and YAML.
    DoubledQuote,
    /// `""` in CSV.
    DoubledDoubleQuote,
    /// `'"'"'` and `'\''`: a quote inside a shell's quotes.
    Shell,
}

/// The UTF-8 bytes that one escape stands for, and its length.
struct Escape {
    said: [u8; 4],
    length: usize,
    taken: usize,
}

impl Escape {
    fn byte(byte: u8, taken: usize) -> Self {
        Self { said: [byte, 0, 0, 0], length: 1, taken }
    }

    fn letter(code: u32, taken: usize) -> Option<Self> {
        let mut said = [0; 4];
        let length = char::from_u32(code)?.encode_utf8(&mut said).len();
        Some(Self { said, length, taken })
    }
}

impl Layer {
    pub(super) const ALL: [Self; 7] = [
        Self::Backslash,
        Self::Percent,
        Self::Form,
        Self::Entity,
        Self::DoubledQuote,
        Self::DoubledDoubleQuote,
        Self::Shell,
    ];

    /// Decodes a text; `None` if it contains no escapes.
    pub(super) fn undo(self, view: &View<'_>) -> Option<View<'static>> {
        let bytes = view.bytes();
        // Few texts contain escapes, and this check takes almost no time.
        let (mark, other) = self.marks();
        if !bytes.contains(&mark) && !bytes.contains(&other) || matches!(self, Self::Form) && !bytes.contains(&b'+') {
            return None;
        }
        let mut escape_at = self.next(bytes, 0)?;
        let mut made = DecodedView::of(view, bytes.len());
        let mut kept = 0;
        loop {
            let (at, escape) = escape_at;
            made.keep(kept..at);
            made.say(at, &escape.said[..escape.length]);
            kept = at + escape.taken;
            match self.next(bytes, kept) {
                Some(next) => escape_at = next,
                None => break,
            }
        }
        made.keep(kept..bytes.len());
        Some(made.done())
    }

    /// Returns the next escape and its position.
    fn next(self, bytes: &[u8], from: usize) -> Option<(usize, Escape)> {
        let (mark, other) = self.marks();
        let mut at = from;
        while let Some(found) = bytes[at..].iter().position(|byte| *byte == mark || *byte == other) {
            at += found;
            if let Some(escape) = self.escape(&bytes[at..]) {
                return Some((at, escape));
            }
            at += 1;
        }
        None
    }

    /// Returns the one or two bytes that an escape can start with.
    fn marks(self) -> (u8, u8) {
        match self {
            Self::Backslash => (b'\\', b'\\'),
            Self::Percent => (b'%', b'%'),
            Self::Form => (b'%', b'+'),
            Self::Entity => (b'&', b'&'),
            Self::DoubledQuote | Self::Shell => (b'\'', b'\''),
            Self::DoubledDoubleQuote => (b'"', b'"'),
        }
    }

    fn escape(self, text: &[u8]) -> Option<Escape> {
        match self {
            Self::Backslash => backslash(text),
            Self::Form if text.starts_with(b"+") => Some(Escape::byte(b' ', 1)),
            Self::Percent | Self::Form => percent(text),
            Self::Entity => entity(text),
            Self::DoubledQuote => text.starts_with(b"''").then(|| Escape::byte(b'\'', 2)),
            Self::DoubledDoubleQuote => text.starts_with(b"\"\"").then(|| Escape::byte(b'"', 2)),
            Self::Shell if text.starts_with(b"'\"'\"'") => Some(Escape::byte(b'\'', 5)),
            Self::Shell => text.starts_with(b"'\\''").then(|| Escape::byte(b'\'', 4)),
        }
    }
}

fn backslash(text: &[u8]) -> Option<Escape> {
    let letter = *text.get(1)?;
    let control = match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'v' => 11,
        b'a' => 7,
        b'e' | b'E' => 27,
        b'x' => return x(text),
        b'u' => return unicode(text),
        b'U' => return Escape::letter(hex(text.get(2..10)?)?, 10),
        b'0'..=b'7' => return octal(text),
        letter if letter.is_ascii_alphanumeric() || !letter.is_ascii() => return None,
        sign => sign,
    };
    Some(Escape::byte(control, 2))
}

/// `\xe9`: a letter in Python's `repr` of a text. In the `repr` of bytes, a UTF-8 letter takes several of them.
fn x(text: &[u8]) -> Option<Escape> {
    let first = x_byte(text)?;
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let bytes = (0..length).map(|number| x_byte(text.get(number * 4..)?)).collect::<Option<Vec<u8>>>();
    let mut said = [0; 4];
    match bytes.filter(|bytes| std::str::from_utf8(bytes).is_ok()) {
        Some(bytes) => said[..length].copy_from_slice(&bytes),
        None => return Escape::letter(first.into(), 4),
    }
    Some(Escape { said, length, taken: length * 4 })
}

fn x_byte(text: &[u8]) -> Option<u8> {
    u8::try_from(hex(text.strip_prefix(b"\\x")?.get(..2)?)?).ok()
}

fn octal(text: &[u8]) -> Option<Escape> {
    let digits = text[1..].iter().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
    let value = text[1..=digits].iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
    Some(Escape::byte(u8::try_from(value).ok()?, 1 + digits))
}

/// `\u00e9`, a surrogate pair of two, or `\u{e9}`.
fn unicode(text: &[u8]) -> Option<Escape> {
    if text.get(2) == Some(&b'{') {
        let digits = text[3..].iter().take(6).take_while(|digit| digit.is_ascii_hexdigit()).count();
        let closed = text.get(3 + digits) == Some(&b'}');
        return Escape::letter(hex(&text[3..3 + digits])?, 4 + digits).filter(|_| closed);
    }
    let first = hex(text.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Escape::letter(first, 6);
    }
    let second = text.get(6..12).filter(|rest| rest.starts_with(b"\\u")).and_then(|rest| hex(&rest[2..]))?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Escape::letter(0x1_0000 + ((first - 0xd800) << 10) + low, 12)
}

fn percent(text: &[u8]) -> Option<Escape> {
    let byte = hex(text.get(1..3)?)?;
    Some(Escape::byte(u8::try_from(byte).ok()?, 3))
}

/// The named entities that escape text, and all numeric ones.
fn entity(text: &[u8]) -> Option<Escape> {
    const NAMED: [(&[u8], u8); 6] =
        [(b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"quot", b'"'), (b"apos", b'\''), (b"sol", b'/')];
    let end = text.iter().take(LONGEST_ENTITY).position(|byte| *byte == b';')?;
    let name = &text[1..end];
    if let Some((_, sign)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Some(Escape::byte(*sign, end + 1));
    }
    let number = name.strip_prefix(b"#")?;
    let code = match number.strip_prefix(b"x").or(number.strip_prefix(b"X")) {
        Some(digits) => hex(digits),
        None => std::str::from_utf8(number).ok()?.parse().ok(),
    };
    Escape::letter(code?, end + 1)
}

/// The longest entity: `&#x0010ffff;`.
const LONGEST_ENTITY: usize = 12;

fn hex(digits: &[u8]) -> Option<u32> {
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| is_hex)
}
