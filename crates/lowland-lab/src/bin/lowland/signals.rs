//! Ctrl-C and the signal that asks a program to end.

use lowland_lab::console::Console;
use lowland_lab::{Error, Result, Stop};

/// A [`Stop`] that the first signal wishes; the second ends the program at once.
pub fn stop_on_signal(console: Console) -> Result<Stop> {
    let stop = Stop::default();
    let wish = stop.clone();
    let handler = move || {
        if wish.wish() {
            std::process::exit(i32::from(super::INTERRUPTED));
        }
        console.say("Stopping after this step; once more stops at once, without saving.");
    };
    match ctrlc::set_handler(handler) {
        Ok(()) => Ok(stop),
        Err(error) => Err(Error::Usage(format!("signals cannot be handled: {error}"))),
    }
}
