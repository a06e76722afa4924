//! What is wrong with a table of parameters.

use super::ArenaParam;
use crate::error::{Error, Result};
use crate::group::Groups;

/// Refuses names that come twice, and groups that list names that are not there.
pub(super) fn check_names(params: &[ArenaParam], groups: &Groups) -> Result<()> {
    let mut names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = "comes twice in the table; each needs a name of its own".into();
        return Err(Error::Param { name: pair[0].into(), message });
    }
    for group in groups.all() {
        if let Some(name) = group.listed().find(|name| names.binary_search(&name.as_str()).is_err())
        {
            let message = format!("lists `{name}`, but there is no parameter of this name");
            return Err(Error::Group { group: group.name.clone(), message });
        }
    }
    Ok(())
}

/// Refuses parameters that overlap or leave the arena.
pub(super) fn check_ranges(params: &[ArenaParam], params_len: usize) -> Result<()> {
    let failed = |name: &str, message| Err(Error::Param { name: name.into(), message });
    let mut sorted: Vec<&ArenaParam> = params.iter().filter(|param| param.len() > 0).collect();
    sorted.sort_by_key(|param| param.offset);
    for param in params {
        let (name, offset, len) = (&param.name, param.offset, param.len());
        if offset.checked_add(len).is_none_or(|end| end > params_len) {
            return failed(
                name,
                format!("{len} elements at {offset} leave the arena of {params_len}"),
            );
        }
    }
    match sorted.windows(2).find(|pair| pair[0].offset + pair[0].len() > pair[1].offset) {
        Some(pair) => failed(&pair[0].name, format!("overlaps `{}` in the arena", pair[1].name)),
        None => Ok(()),
    }
}
