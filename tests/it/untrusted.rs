//! What a stranger's repository may do to who looks at it: nothing.

mod git;
mod modes;
