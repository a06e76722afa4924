//! A parsed experiment as a tree in which every key and value remembers where it was written.

use std::ops::Range;

use toml::de::{DeArray, DeTable, DeValue};

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A range of bytes of the file.
    File(Range<usize>),
    /// The change of this position.
    Change(usize),
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

/// Something that TOML cannot hold, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct TreeError {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Node {
    /// Parses a document; `place` says where a range of bytes of it was written.
    pub(crate) fn parse(
        text: &str,
        place: &dyn Fn(Range<usize>) -> Place,
    ) -> Result<Node, TreeError> {
        let table = DeTable::parse(text).map_err(|error| TreeError {
            place: place(error.span().unwrap_or(0..0)),
            message: error.message().to_string(),
        })?;
        let at = place(table.span());
        Ok(Node { value: Value::Table(entries(table.get_ref(), place)?), place: at })
    }

    /// The value below a dotted path; `None` where the path was not written.
    pub(crate) fn find(&self, path: &str) -> Option<&Node> {
        path.split('.').filter(|key| !key.is_empty()).try_fold(self, |node, key| {
            match &node.value {
                Value::Table(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
                Value::Array(items) => items.get(key.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// Where the key of a dotted path was written.
    pub(crate) fn find_key(&self, path: &str) -> Option<&Place> {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        match &self.find(parent)?.value {
            Value::Table(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.key_place),
            _ => None,
        }
    }

    /// Puts a value at a dotted path, over whatever was there; tables on the way are made. The last key
    /// counts as written where the value is.
    pub(crate) fn put(&mut self, path: &str, node: Node) {
        let place = node.place.clone();
        let mut at = self;
        let mut keys = path.split('.').peekable();
        while let Some(key) = keys.next() {
            if !matches!(at.value, Value::Table(_)) {
                *at = Node { value: Value::Table(Vec::new()), place: place.clone() };
            }
            let Value::Table(entries) = &mut at.value else { return };
            let position = entries.iter().position(|e| e.key == key).unwrap_or_else(|| {
                let value = Value::Table(Vec::new());
                let node = Node { value, place: place.clone() };
                entries.push(Entry { key: key.to_string(), key_place: place.clone(), node });
                entries.len() - 1
            });
            if keys.peek().is_none() {
                entries[position].key_place = place.clone();
            }
            at = &mut entries[position].node;
        }
        *at = node;
    }

    /// Takes a dotted path out, with everything below it. Returns whether it was there.
    pub(crate) fn remove(&mut self, path: &str) -> bool {
        let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
        let Value::Table(entries) = &mut self.value else { return false };
        let Some(position) = entries.iter().position(|e| e.key == first) else { return false };
        match rest {
            Some(rest) => entries[position].node.remove(rest),
            None => {
                entries.remove(position);
                true
            }
        }
    }

    /// The value as JSON; none where a number is not finite.
    pub(crate) fn to_json(&self) -> Option<serde_json::Value> {
        Some(match &self.value {
            Value::String(text) | Value::Datetime(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => serde_json::Number::from_f64(*number)?.into(),
            Value::Boolean(value) => (*value).into(),
            Value::Array(items) => {
                items.iter().map(Node::to_json).collect::<Option<Vec<_>>>()?.into()
            }
            Value::Table(entries) => {
                let entry = |entry: &Entry| Some((entry.key.clone(), entry.node.to_json()?));
                entries.iter().map(entry).collect::<Option<serde_json::Map<_, _>>>()?.into()
            }
        })
    }

    /// A value of JSON that was written at `place`; a null is an empty text, as TOML has none.
    pub(crate) fn of_json(value: &serde_json::Value, place: &Place) -> Node {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::String(String::new()),
            Json::Bool(value) => Value::Boolean(*value),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Value::Integer(number),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => {
                Value::Array(items.iter().map(|item| Node::of_json(item, place)).collect())
            }
            Json::Object(entries) => {
                let entry = |(key, value): (&String, &Json)| Entry {
                    key: key.clone(),
                    key_place: place.clone(),
                    node: Node::of_json(value, place),
                };
                Value::Table(entries.iter().map(entry).collect())
            }
        };
        Node { value, place: place.clone() }
    }

    /// The dotted paths of all keys, those of tables too.
    pub(crate) fn keys(&self) -> Vec<String> {
        let Value::Table(entries) = &self.value else { return Vec::new() };
        let with_below = |entry: &Entry| {
            let below = entry.node.keys().into_iter().map(|path| format!("{}.{path}", entry.key));
            std::iter::once(entry.key.clone()).chain(below).collect::<Vec<_>>()
        };
        entries.iter().flat_map(with_below).collect()
    }

    /// The dotted paths of everything that is not a table.
    pub(crate) fn leaves(&self) -> Vec<String> {
        let Value::Table(entries) = &self.value else { return Vec::new() };
        let below = |entry: &Entry| match entry.node.leaves() {
            deeper if deeper.is_empty() => vec![entry.key.clone()],
            deeper => deeper.iter().map(|path| format!("{}.{path}", entry.key)).collect(),
        };
        entries.iter().flat_map(below).collect()
    }
}

fn entries(
    table: &DeTable<'_>,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Result<Vec<Entry>, TreeError> {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key_place = place(key.span());
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        Ok(Entry { key: key.to_string(), key_place, node: node(value, place)? })
    };
    table.iter().map(entry).collect()
}

fn node(
    value: &toml::Spanned<DeValue<'_>>,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Result<Node, TreeError> {
    let at = place(value.span());
    let too_large = |text: &str| TreeError {
        place: at.clone(),
        message: format!("the number {text} is too large for 64 bits"),
    };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => Value::Integer(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| too_large(number.as_str()))?,
        ),
        DeValue::Float(number) => {
            Value::Float(number.as_str().parse().map_err(|_| too_large(number.as_str()))?)
        }
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
        DeValue::Array(items) => Value::Array(array(items, place)?),
        DeValue::Table(table) => Value::Table(entries(table, place)?),
    };
    Ok(Node { value, place: at })
}

fn array(
    items: &DeArray<'_>,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Result<Vec<Node>, TreeError> {
    items.iter().map(|item| node(item, place)).collect()
}
