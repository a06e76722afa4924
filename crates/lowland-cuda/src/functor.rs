//! Device functors by their names: what stages and transforms are in the language of the kernels.

use lowland_core::{Error, Result};

/// A functor of `lowland-kernels`, with its template arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Functor {
    /// The file that it is in.
    pub(crate) file: String,
    /// Its type, such as `stages::adam<0>`.
    pub(crate) type_name: String,
    /// The type without its namespace, for messages.
    pub(crate) label: String,
}

impl Functor {
    /// The functor of that name in `stages` or `transforms`.
    pub(crate) fn new(folder: &'static str, name: &str, constants: &[u32]) -> Self {
        let constants: Vec<String> = constants.iter().map(u32::to_string).collect();
        let arguments = match constants.is_empty() {
            true => String::new(),
            false => format!("<{}>", constants.join(", ")),
        };
        let label = format!("{name}{arguments}");
        let type_name = format!("{folder}::{label}");
        Functor { file: format!("{folder}/{name}.cuh"), type_name, label }
    }

    /// What to do where there is no such file.
    pub(crate) fn missing(&self) -> Option<String> {
        let known = lowland_kernels::source(&self.file).is_some();
        (!known).then(|| format!("write kernels/{}", self.file))
    }

    /// The line that includes it.
    pub(crate) fn include(&self) -> String {
        format!("#include \"{}\"\n", self.file)
    }
}

/// An offset, a length or a count as 32 bits, where a kernel counts in those.
///
/// # Errors
/// [`Error::Invalid`], in the name of `op`.
pub(crate) fn narrow(op: &'static str, what: &str, value: usize) -> Result<u32> {
    let most = u32::MAX;
    u32::try_from(value)
        .map_err(|_| Error::invalid(op, format!("{value} {what}, more than {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functors_have_their_arguments_and_their_files() {
        let miadam = Functor::new("stages", "miadam", &[3, 1]);
        assert_eq!(miadam.type_name, "stages::miadam<3, 1>");
        assert_eq!(miadam.include(), "#include \"stages/miadam.cuh\"\n");
        assert_eq!(miadam.missing(), None);
        let none = Functor::new("transforms", "center_rows", &[]);
        assert_eq!(
            (none.label.as_str(), none.type_name.as_str()),
            ("center_rows", "transforms::center_rows")
        );
        assert_eq!(none.missing().as_deref(), Some("write kernels/transforms/center_rows.cuh"));
    }
}
