//! The demonstration: an experiment that is part of the program, on the built-in digits.

use crate::Result;
use crate::experiment::ExperimentFile;

/// Its file.
const TEXT: &str = include_str!("../assets/demo.toml");

/// The experiment: one small network, three optimizers, three seeds.
///
/// # Errors
/// None: the file is part of the program, and tested.
pub fn experiment() -> Result<ExperimentFile> {
    ExperimentFile::parse("demo", TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::check;

    #[test]
    fn the_demonstration_is_nine_runs_and_needs_no_data_folder() {
        assert_eq!(check(&experiment().unwrap(), "".as_ref()).unwrap(), (0, 9));
    }
}
