//! Reads a tree into serde types, with errors that keep the field, the place and what is allowed.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Entry, Node, Place, Value};

/// What is wrong with a field.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    UnknownField { field: String, known: &'static [&'static str] },
    UnknownVariant { found: String, known: &'static [&'static str] },
    Mismatch { found: String, allowed: String },
    Missing { field: &'static str },
    Other(String),
}

/// A fault, and the field and place it was found at.
#[derive(Debug)]
pub(crate) struct ReadError {
    pub(crate) fault: Fault,
    pub(crate) at: Option<(String, Place)>,
}

impl ReadError {
    fn new(fault: Fault) -> Self {
        ReadError { fault, at: None }
    }

    /// The innermost place wins: outer ones are added on the way up.
    fn or_at(mut self, path: &str, place: &Place) -> Self {
        self.at.get_or_insert_with(|| (path.to_string(), place.clone()));
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.fault)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Fault::Mismatch {
            found: found.to_string(),
            allowed: in_words(&expected.to_string()),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(Fault::UnknownField { field: field.to_string(), known })
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(Fault::UnknownVariant { found: variant.to_string(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::Missing { field })
    }
}

/// Names of Rust types in the words of a config.
fn in_words(expected: &str) -> String {
    match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number, 0 or more".into(),
        "i64" | "i32" | "isize" => "a whole number".into(),
        "f64" | "f32" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "a text in quotes".into(),
        other if other.starts_with("struct ") || other == "a map" => "a table".into(),
        other => other.strip_prefix("enum ").map_or(other.to_string(), |name| format!("a {name}")),
    }
}

/// How a value of an enum is written.
fn example(kind: &str, known: &[&str]) -> String {
    match kind {
        "Boundary" => "{ fraction = 0.5 }".into(),
        "Switch" => "{ epoch = 20 }".into(),
        "Clip" => "{ norm = 1.0 }".into(),
        "Schedule" => "{ cosine = {} }".into(),
        _ => format!("\"{}\"", known.first().copied().unwrap_or_default()),
    }
}

/// The deserializer of one node.
pub(crate) struct Reader<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
}

impl<'a> Reader<'a> {
    fn below(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.node.value {
            Value::String(text) | Value::Datetime(text) => visitor.visit_borrowed_str(text),
            // Serde tells negative numbers apart in its messages only where they come as signed.
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Array(items) => visitor.visit_seq(Items { reader: &self, next: 0, items }),
            Value::Table(entries) => visitor.visit_map(Entries { reader: &self, next: 0, entries }),
        };
        result.map_err(|error| error.or_at(&self.path, &self.node.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        kind: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let result = match &self.node.value {
            Value::String(name) => {
                let path = self.path.clone();
                visitor.visit_enum(Variant {
                    name,
                    path,
                    key_place: &self.node.place,
                    node: &EMPTY,
                })
            }
            Value::Table(entries) if entries.len() == 1 => {
                let Entry { key, key_place, node } = &entries[0];
                visitor.visit_enum(Variant { name: key, path: self.below(key), key_place, node })
            }
            _ => {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let (names, example) = (names.join(", "), example(kind, known));
                Err(de::Error::custom(format!("must be exactly one of {names}, as in `{example}`")))
            }
        };
        result.map_err(|error| error.or_at(&self.path, &self.node.place))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Entries<'r, 'de> {
    reader: &'r Reader<'de>,
    entries: &'de [Entry],
    next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key: StrDeserializer<'_, ReadError> = entry.key.as_str().into_deserializer();
        let path = self.reader.below(&entry.key);
        seed.deserialize(key).map(Some).map_err(|error| error.or_at(&path, &entry.key_place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let entry = &self.entries[self.next];
        self.next += 1;
        seed.deserialize(Reader { node: &entry.node, path: self.reader.below(&entry.key) })
    }
}

struct Items<'r, 'de> {
    reader: &'r Reader<'de>,
    items: &'de [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadError> {
        let Some(node) = self.items.get(self.next) else { return Ok(None) };
        let path = self.reader.below(&self.next.to_string());
        self.next += 1;
        seed.deserialize(Reader { node, path }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

/// The content of a variant that is given by its name alone: all its fields have their defaults.
static EMPTY: Node = Node { value: Value::Table(Vec::new()), place: Place::File(0..0) };

/// `name`, or `{ name = value }`, as the variant `name` of an enum.
struct Variant<'de> {
    name: &'de str,
    path: String,
    key_place: &'de Place,
    node: &'de Node,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = ReadError;
    type Variant = Reader<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Reader<'de>), ReadError> {
        let name: StrDeserializer<'_, ReadError> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|e| e.or_at(&self.path, self.key_place))?;
        Ok((variant, Reader { node: self.node, path: self.path }))
    }
}

impl<'de> de::VariantAccess<'de> for Reader<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match &self.node.value {
            Value::Table(entries) if entries.is_empty() => Ok(()),
            _ => {
                let error: ReadError = de::Error::custom("takes no value: write the name alone");
                Err(error.or_at(&self.path, &self.node.place))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        de::Deserializer::deserialize_any(self, visitor)
    }
}
