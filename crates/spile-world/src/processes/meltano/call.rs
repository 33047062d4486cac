//! The input of one invocation of Meltano, and the output that is kept in addition to the log.

use std::borrow::Cow;
use std::io;

use super::child::Pieces;
use super::locks::LockedInstall;
use super::mask::Mask;

/// The arguments of one invocation, and the input and output of its plugin.
pub(super) struct Call<'a> {
    /// The arguments for Meltano.
    pub arguments: &'a [String],
    /// The standard input of its plugin.
    pub input: &'a str,
    /// Collects its standard output. If it is `None`, the output goes only to the log.
    pub output: Option<&'a mut Collected>,
    /// The packages to install, and nothing else, in place of a plugin's `pip_url`.
    pub lock: Option<&'a LockedInstall>,
}

impl<'a> From<&'a [String]> for Call<'a> {
    fn from(arguments: &'a [String]) -> Self {
        Self { arguments, input: "", output: None, lock: None }
    }
}

impl<'a, const COUNT: usize> From<&'a [String; COUNT]> for Call<'a> {
    fn from(arguments: &'a [String; COUNT]) -> Self {
        arguments.as_slice().into()
    }
}

impl<'a> From<&'a Vec<String>> for Call<'a> {
    fn from(arguments: &'a Vec<String>) -> Self {
        arguments.as_slice().into()
    }
}

impl Call<'_> {
    /// Returns how its standard output is split.
    pub(super) fn pieces(&self) -> Pieces {
        if self.output.is_some() { Pieces::Chunks } else { Pieces::Lines }
    }
}

/// Called when the output begins.
pub(super) type OnFirst = Box<dyn FnOnce() + Send>;

/// The whole standard output of an invocation, up to a size limit.
pub(super) struct Collected {
    bytes: Vec<u8>,
    /// The original output, if a secret was masked in it.
    unstruck: Option<Vec<u8>>,
    most: usize,
    is_too_much: bool,
    on_first: Option<OnFirst>,
}

impl Collected {
    /// Creates an empty one with a limit in bytes.
    pub(super) fn up_to(most: usize) -> Self {
        Self { bytes: Vec::new(), unstruck: None, most, is_too_much: false, on_first: None }
    }

    /// Calls this when the output begins.
    pub(super) fn telling(self, on_first: Option<OnFirst>) -> Self {
        Self { on_first, ..self }
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// When the limit is exceeded.
    pub(super) fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        if let Some(tell) = self.on_first.take() {
            tell();
        }
        if self.bytes.len() + piece.len() > self.most {
            self.is_too_much = true;
            self.bytes = Vec::new();
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Masks secrets once the output is complete, because a secret may span two pieces.
    pub(super) fn strike(&mut self, mask: &Mask) {
        if let Cow::Owned(struck) = mask.apply(&self.bytes) {
            self.unstruck = Some(std::mem::replace(&mut self.bytes, struck));
        }
    }

    /// Returns the output, and its original if a secret was masked; `None` if the limit was exceeded.
    pub(super) fn into_bytes(self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        (!self.is_too_much).then_some((self.bytes, self.unstruck))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::secret::Secret;

    #[test]
    fn an_output_that_is_too_large_is_not_kept() {
        let mut output = Collected::up_to(10);
        output.take(b"1234").unwrap();
        assert_eq!(output.bytes, b"1234");
        assert_eq!(output.take(b"5678901").unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(output.into_bytes(), None);
        let mut output = Collected::up_to(10);
        output.take(b"1234567890").unwrap();
        assert_eq!(output.into_bytes().unwrap(), (b"1234567890".to_vec(), None));
    }

    #[test]
    fn a_secret_across_two_pieces_is_masked() {
        let mut output = Collected::up_to(100);
        output.take(b"{\"hun").unwrap();
        output.take(b"ter2\": 1}").unwrap();
        output.strike(&Mask::of([&Secret::new("hunter2")].into_iter()).unwrap());
        let (struck, came) = output.into_bytes().unwrap();
        assert_eq!((struck, came.unwrap()), (b"{\"(secret)\": 1}".to_vec(), b"{\"hunter2\": 1}".to_vec()));
    }
}
