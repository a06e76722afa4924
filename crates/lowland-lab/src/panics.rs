//! Panics, which are mistakes of the program, as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

/// Does some work; where it panics, on this thread or on one that works for it, that is an
/// [`Error::Panic`]. The place in the program is told on standard error by then.
///
/// # Errors
/// Those of the work, and [`Error::Panic`]. What the work was changing may be half-changed then.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::Panic(message_of(&*panic))))
}

/// The text of a panic.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let says = |work: fn() -> Result<()>| caught(work).unwrap_err().to_string();
        assert!(says(|| panic!("the {} word", 1)).contains("the program is at fault: the 1 word;"));
        assert!(says(|| panic!("plain")).contains(": plain;"));
        assert!(says(|| std::panic::panic_any(3)).contains("a panic without a message"));
        assert!(says(|| Err(Error::Usage("no".into()))) == "no");
        assert_eq!(caught(|| Ok(7)).unwrap(), 7);
        assert_eq!(caught(|| -> Result<()> { panic!() }).unwrap_err().exit_code(), 1);
    }
}
