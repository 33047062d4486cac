//! `ENC[...]`: the text form of one encrypted value.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One encrypted value: `ENC[AES256_GCM,data:<b64>,iv:<b64>,tag:<b64>,type:<kind>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enc {
    /// The ciphertext without its tag.
    pub data: Vec<u8>,
    /// The nonce, which has 32 bytes if sops or spile wrote it.
    pub iv: Vec<u8>,
    /// The tag: 16 bytes.
    pub tag: Vec<u8>,
    /// The type of the plaintext.
    pub kind: PlainKind,
}

/// The type of a plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainKind {
    /// Text.
    Str,
    /// An integer in decimal.
    Int,
    /// A number in decimal, without an exponent.
    Float,
    /// `True` or `False`.
    Bool,
    /// A time in RFC 3339.
    Time,
    /// Bytes, which only old documents contain.
    Bytes,
    /// A comment.
    Comment,
}

impl PlainKind {
    const WORDS: [(&'static str, Self); 7] = [
        ("str", Self::Str),
        ("int", Self::Int),
        ("float", Self::Float),
        ("bool", Self::Bool),
        ("time", Self::Time),
        ("bytes", Self::Bytes),
        ("comment", Self::Comment),
    ];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("str", |(word, _)| word)
    }
}

/// Why a text is not an encrypted value. No variant contains the text, because it may be a secret that was never
/// encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEnc {
    /// It is not encrypted.
    #[error("it is not encrypted")]
    Plain,
    /// It begins like an encrypted value but does not end like one.
    #[error("it is cut short")]
    CutShort,
    /// Its cipher is not supported by sops.
    #[error("its cipher is not `AES256_GCM`, the only one that sops knows")]
    Cipher,
    /// A part is missing, duplicated or unknown.
    #[error("its parts are not `data`, `iv`, `tag`, and `type`")]
    Parts,
    /// A part is empty or not valid base64.
    #[error("its `{0}` is not base64")]
    Base64(&'static str),
    /// The tag is truncated.
    #[error("its `tag` does not have 16 bytes")]
    Tag,
    /// The type is unknown.
    #[error("its `type` is not known to sops")]
    Kind,
}

/// How every encrypted value begins.
pub const PREFIX: &str = "ENC[";

impl FromStr for Enc {
    type Err = NotEnc;

    fn from_str(text: &str) -> Result<Self, NotEnc> {
        let inner = text.strip_prefix(PREFIX).ok_or(NotEnc::Plain)?.strip_suffix(']').ok_or(NotEnc::CutShort)?;
        let (cipher, parts) = inner.split_once(',').ok_or(NotEnc::CutShort)?;
        if cipher != "AES256_GCM" {
            return Err(NotEnc::Cipher);
        }
        let mut parts = parts.split(',');
        let mut part = |name: &'static str| {
            let value = parts.next().and_then(|part| part.split_once(':')).filter(|(key, _)| *key == name);
            value.map(|(_, value)| value).ok_or(NotEnc::Parts)
        };
        let (data, iv, tag, kind) = (part("data")?, part("iv")?, part("tag")?, part("type")?);
        if parts.next().is_some() {
            return Err(NotEnc::Parts);
        }
        let bytes = |name, text: &str| {
            let decoded = STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
            decoded.ok_or(NotEnc::Base64(name))
        };
        let (data, iv, tag) = (bytes("data", data)?, bytes("iv", iv)?, bytes("tag", tag)?);
        if tag.len() != 16 {
            return Err(NotEnc::Tag);
        }
        let kind = PlainKind::WORDS.iter().find(|(word, _)| *word == kind).ok_or(NotEnc::Kind)?.1;
        Ok(Self { data, iv, tag, kind })
    }
}

impl fmt::Display for Enc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { data, iv, tag, kind } = self;
        let [data, iv, tag] = [data, iv, tag].map(|bytes| STANDARD.encode(bytes));
        write!(f, "{PREFIX}AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{}]", kind.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "ENC[AES256_GCM,data:f+iA,iv:pvv0t3BmMx0kWWJGP6KKBywNzmwzpvz41+XWXULJoig=,\
                        tag:VnM0NC6j2o9UciPnh6rMXA==,type:str]";

    #[test]
    fn an_encrypted_value_is_written_as_it_was_read() {
        assert_eq!(GOOD.parse::<Enc>().unwrap().to_string(), GOOD);
    }

    #[test]
    fn every_fault_has_its_own_reason() {
        let of = |text: &str| text.parse::<Enc>().unwrap_err();
        assert_eq!(of("hunter2"), NotEnc::Plain);
        assert_eq!(of(&GOOD[..60]), NotEnc::CutShort);
        assert_eq!(of(&GOOD.replace("256_GCM", "128_GCM")), NotEnc::Cipher);
        assert_eq!(of(&GOOD.replace("data:f+iA,", "")), NotEnc::Parts);
        assert_eq!(of(&GOOD.replace("type:str", "type:str,type:int")), NotEnc::Parts);
        assert_eq!(of(&GOOD.replace("f+iA", "")), NotEnc::Base64("data"));
        assert_eq!(of(&GOOD.replace("f+iA", "f+iA!")), NotEnc::Base64("data"));
        assert_eq!(of(&GOOD.replace("VnM0NC6j2o9UciPnh6rMXA==", "VnM0")), NotEnc::Tag);
        assert_eq!(of(&GOOD.replace(":str", ":text")), NotEnc::Kind);
    }
}
