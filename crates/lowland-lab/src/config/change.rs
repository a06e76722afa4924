//! Changes of an experiment beside its file: `--set key=value` and `--unset key`.

use super::tree::{Node, Place, TreeError};

/// A change of what an experiment's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `key=value`: puts a value at a dotted key, over whatever was there.
    Set(String),
    /// A dotted key, which is taken out with its value, a whole table too.
    Unset(String),
}

impl From<&str> for Change {
    /// The change that sets.
    fn from(argument: &str) -> Self {
        Change::Set(argument.to_string())
    }
}

/// Makes one change, `position` counted from 0 among all of them.
pub(crate) fn apply(change: &Change, position: usize, tree: &mut Node) -> Result<(), TreeError> {
    match change {
        Change::Set(argument) => {
            let (key, value) = parse(argument, position)?;
            tree.put(key, value);
        }
        Change::Unset(key) => {
            let place = Place::Change(position);
            if !tree.remove(key.trim()) {
                return Err(TreeError { place, message: "there is no such key".into() });
            }
        }
    }
    Ok(())
}

/// The dotted key and the value of one argument, `position` counted from 0 among all of them.
///
/// The value is written as in TOML; what is not TOML is a text without quotes. It takes the place of
/// whatever the key had, a whole table too.
fn parse(argument: &str, position: usize) -> Result<(&str, Node), TreeError> {
    let place = Place::Change(position);
    let wrong = |message: &str| TreeError { place: place.clone(), message: message.to_string() };
    let (key, value) = argument.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let (key, value) = (key.trim(), value.trim());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if key.split('.').any(|part| part.is_empty() || !part.chars().all(plain)) {
        return Err(wrong("the key must be names joined by dots"));
    }
    if value.is_empty() {
        return Err(wrong("there is no value after the `=`"));
    }
    let at = |_| place.clone();
    let document = Node::parse(&format!("value = {value}"), &at).or_else(|error| {
        let bare = !value.contains(['"', '\'', '[', ']', '{', '}', '=', '\n', '\\']);
        if bare { Node::parse(&format!("value = \"{value}\""), &at) } else { Err(error) }
    })?;
    let node = document.find("value").cloned().ok_or_else(|| wrong("there is no value"))?;
    Ok((key, node))
}

#[cfg(test)]
mod tests {
    use super::super::tree::Value;
    use super::*;

    fn value(argument: &str, path: &str) -> Value {
        let (key, node) = parse(argument, 3).unwrap();
        assert_eq!(key, path);
        node.value
    }

    #[test]
    fn values_are_toml_and_bare_words_are_texts() {
        assert!(matches!(value("train.epochs=3", "train.epochs"), Value::Integer(3)));
        assert!(matches!(value("a.b = 5e-4", "a.b"), Value::Float(x) if x == 5e-4));
        assert!(matches!(value("a=true", "a"), Value::Boolean(true)));
        assert!(matches!(value("a=[1, 2]", "a"), Value::Array(items) if items.len() == 2));
        assert!(
            matches!(value("model.name=resnet32", "model.name"), Value::String(s) if s == "resnet32")
        );
        assert!(
            matches!(value("d=../data/my set", "d"), Value::String(s) if s == "../data/my set")
        );
        assert!(matches!(value("d=\"quoted\"", "d"), Value::String(s) if s == "quoted"));
    }

    #[test]
    fn nonsense_is_refused_by_its_position() {
        for argument in ["epochs", "=3", "a..b=1", "a b=1", "a=", "a=[1", "a=\"open"] {
            let error = parse(argument, 7).unwrap_err();
            assert_eq!(error.place, Place::Change(7), "{argument}");
        }
    }
}
