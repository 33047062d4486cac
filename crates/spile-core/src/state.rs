//! Bookmarks: the Singer state of a pipeline, as taps and Meltano write it.
//!
//! A state is somebody else's document. It is read for what people want to know of it, and changed only where they say so:
//! every other value stays to the byte.
//!
//! ```
//! use spile_core::state::{SingerState, Target, clear, set};
//!
//! let kept = r#"{"completed": {"singer_state": {"bookmarks": {"a": {"id": 7}, "b": {"id": 1.0}}}}, "partial": {}}"#;
//! let state = SingerState::of_stored(kept)?.ok_or("no state")?;
//! let next = set(&state, &Target::of("a"), "5")?;
//! assert_eq!(next.to_stored(), kept.replace('7', "5"));
//! assert_eq!(clear(&next, &["a".to_owned()])?.to_string(), r#"{"bookmarks": {"b": {"id": 1.0}}}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod change;
pub mod choice;
mod difference;
mod edit;
mod format;
mod json;
mod mistake;
mod since;
mod singer_state;
mod value;

pub use difference::{Difference, StreamChange, differences};
pub use edit::{Cataloged, Target, clear, move_to, restart, set};
pub use format::{Bookmark, Format, Position};
pub use json::{Json, NotJson};
pub use mistake::StateMistake;
pub use since::since;
pub use singer_state::SingerState;
pub use value::{Order, order};
