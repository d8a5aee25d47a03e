//! An object is an object. Serde reads a struct from an array as well, its elements as the fields in their order: a client
//! whose list went to the wrong place would be served by accident, and break when a field is added. Here that is refused, at
//! any depth, except within what serde reads twice (untagged enums, flattened fields).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};

/// Reads as what it wraps reads, and takes no array for a struct.
pub struct Objects<T>(pub T);

/// A visitor of a struct, to which no array comes.
struct OfStruct<V>(V);

macro_rules! read {
    ($($name:ident($($argument:ident: $type:ty),*) as $visitor:ident;)*) => { $(
        fn $name<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$name($($argument,)* $visitor(visitor))
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    read! {
        deserialize_any() as Objects;
        deserialize_bool() as Objects;
        deserialize_i8() as Objects;
        deserialize_i16() as Objects;
        deserialize_i32() as Objects;
        deserialize_i64() as Objects;
        deserialize_i128() as Objects;
        deserialize_u8() as Objects;
        deserialize_u16() as Objects;
        deserialize_u32() as Objects;
        deserialize_u64() as Objects;
        deserialize_u128() as Objects;
        deserialize_f32() as Objects;
        deserialize_f64() as Objects;
        deserialize_char() as Objects;
        deserialize_str() as Objects;
        deserialize_string() as Objects;
        deserialize_bytes() as Objects;
        deserialize_byte_buf() as Objects;
        deserialize_option() as Objects;
        deserialize_unit() as Objects;
        deserialize_unit_struct(name: &'static str) as Objects;
        deserialize_newtype_struct(name: &'static str) as Objects;
        deserialize_seq() as Objects;
        deserialize_tuple(len: usize) as Objects;
        deserialize_tuple_struct(name: &'static str, len: usize) as Objects;
        deserialize_map() as Objects;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) as OfStruct;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) as Objects;
        deserialize_identifier() as Objects;
        deserialize_ignored_any() as Objects;
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($name:ident($type:ty);)*) => { $(
        fn $name<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$name(value)
        }
    )* };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Objects<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    visit! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Objects(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Objects(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Objects(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variants: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Objects(variants))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OfStruct<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<V::Value, A::Error> {
        Err(A::Error::invalid_type(Unexpected::Seq, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Objects(entries))
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Objects<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Objects(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Objects<A> {
    type Error = A::Error;
    type Variant = Objects<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        self.0.variant_seed(Objects(seed)).map(|(value, variant)| (value, Objects(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Objects(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Objects(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, OfStruct(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Point {
        x: i32,
        #[serde(default)]
        name: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        None,
        Dot(Point),
        Box { corner: Point },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Drawing {
        points: Vec<Point>,
        named: BTreeMap<String, Option<Point>>,
        pair: (u8, u8),
        shape: Shape,
    }

    fn read<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, serde_json::Error> {
        T::deserialize(Objects(&mut serde_json::Deserializer::from_str(json)))
    }

    #[test]
    fn what_is_right_is_read_as_ever() {
        let json = r#"{"points": [{"x": 1}, {"x": 2, "name": "b"}], "named": {"a": null, "b": {"x": 3}}, "pair": [1, 2],
            "shape": {"box": {"corner": {"x": 4}}}, "unknown": [[1]]}"#;
        assert_eq!(read::<Drawing>(json).unwrap(), serde_json::from_str(json).unwrap());
        assert_eq!(read::<Option<Point>>("null").unwrap(), None);
        assert_eq!(read::<Shape>(r#""none""#).unwrap(), Shape::None);
        assert_eq!(read::<Shape>(r#"{"dot": {"x": 1}}"#).unwrap(), Shape::Dot(Point { x: 1, name: None }));
    }

    #[test]
    fn an_array_is_no_object_at_any_depth() {
        for json in [
            r#"[[], {}, [1, 2], "none"]"#,
            r#"{"points": [[1, "a"]], "named": {}, "pair": [1, 2], "shape": "none"}"#,
            r#"{"points": [], "named": {"a": [1, null]}, "pair": [1, 2], "shape": "none"}"#,
            r#"{"points": [], "named": {}, "pair": [1, 2], "shape": {"dot": [1, null]}}"#,
            r#"{"points": [], "named": {}, "pair": [1, 2], "shape": {"box": [{"x": 1}]}}"#,
        ] {
            assert!(serde_json::from_str::<Drawing>(json).is_ok(), "serde itself would take {json}");
            let told = read::<Drawing>(json).unwrap_err().to_string();
            assert!(told.starts_with("invalid type: sequence, expected struct"), "{told}");
        }
    }
}
