//! Personal data in what is shown: the values of the fields that the configuration names (`personal_fields`) are
//! masked for whoever may look and not manage, in payloads, in the answers of receivers and in what the test inboxes
//! received. Receivers get all of it, and the store keeps it; nothing here is about either. Payloads and bodies are in
//! no log.

use std::fmt;

use bocau_domain::header::MASK;
use bocau_domain::limits::JSON_DEPTH_MAX;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The names of fields whose values are masked, in whatever case and wherever they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonalFields(Vec<String>);

impl<S: AsRef<str>> FromIterator<S> for PersonalFields {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self(names.into_iter().map(|name| name.as_ref().to_lowercase()).collect())
    }
}

impl PersonalFields {
    /// A JSON text with the values masked. What is not masked stays as it was written, but for space between.
    pub fn mask_json(&self, text: &str) -> Result<String, serde_json::Error> {
        if self.0.is_empty() {
            return Ok(text.to_owned());
        }
        let mut masked = String::with_capacity(text.len());
        self.write(serde_json::from_str(text)?, 0, &mut masked)?;
        Ok(masked)
    }

    /// What somebody answered, or sent. Where it is no JSON (HTML, a form, JSON that was cut off) and seems to name such
    /// a field, or may name it by escapes, all of it is masked.
    pub fn mask_body(&self, body: String) -> String {
        if self.0.is_empty() {
            return body;
        }
        match self.mask_json(&body) {
            Ok(masked) => masked,
            Err(_) if self.seems_named_in(&body) || has_escape(&body) => MASK.to_owned(),
            Err(_) => body,
        }
    }

    /// Whether a member's name, as JSON, is one of them. Of a name that is no text (half of a surrogate pair) nobody
    /// knows.
    fn has(&self, name: &RawValue) -> bool {
        let name = serde_json::from_str::<String>(name.get()).map(|name| name.to_lowercase());
        name.map_or(true, |name| self.0.contains(&name))
    }

    /// Whether a text that is not read has the name of a field in it, and a value to it.
    fn seems_named_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        text.contains([':', '=', '>']) && self.0.iter().any(|name| text.contains(name.as_str()))
    }

    /// Whether a string, as JSON, may have such a field within: JSON or a form, which may have escapes of its own. Of one
    /// that is no text nobody knows.
    fn may_be_told_in(&self, string: &str) -> bool {
        let text = serde_json::from_str::<String>(string);
        text.map_or(true, |text| self.seems_named_in(&text) || has_escape(&text))
    }

    fn write(&self, value: &RawValue, depth: usize, out: &mut String) -> Result<(), serde_json::Error> {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{' | b'[') if depth >= JSON_DEPTH_MAX => push_mask(out),
            Some(b'{') => {
                out.push('{');
                let Members(members) = serde_json::from_str(text)?;
                for (place, (name, value)) in members.into_iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    out.push_str(name.get());
                    out.push(':');
                    let is_nothing = matches!(value.get(), "null" | "\"\"");
                    if self.has(name) && !is_nothing {
                        push_mask(out);
                    } else {
                        self.write(value, depth + 1, out)?;
                    }
                }
                out.push('}');
            }
            Some(b'[') => {
                out.push('[');
                for (place, value) in serde_json::from_str::<Vec<&RawValue>>(text)?.into_iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    self.write(value, depth + 1, out)?;
                }
                out.push(']');
            }
            Some(b'"') if self.may_be_told_in(text) => push_mask(out),
            _ => out.push_str(text),
        }
        Ok(())
    }
}

/// Whether there is an escape of JSON in it, by which any name can be written.
fn has_escape(text: &str) -> bool {
    let is_hex = |rest: &str| rest.len() >= 4 && rest.bytes().take(4).all(|byte| byte.is_ascii_hexdigit());
    text.split("\\u").skip(1).any(is_hex)
}

fn push_mask(out: &mut String) {
    out.push('"');
    out.push_str(MASK);
    out.push('"');
}

/// The members of an object as they stand there, repeated names too.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> PersonalFields {
        ["tel", "Email", "address"].into_iter().collect()
    }

    #[test]
    fn the_values_of_the_named_fields_are_masked_wherever_they_stand() {
        for (given, shown) in [
            (r#"{"id":1,"tel":"0989898990"}"#, r#"{"id":1,"tel":"••••••"}"#),
            (r#"{"TEL": 989898990, "EMAIL":["a@b.vn"]}"#, r#"{"TEL":"••••••","EMAIL":"••••••"}"#),
            (r#"{"address": {"name": "Lan", "tel": "0"}}"#, r#"{"address":"••••••"}"#),
            (
                r#"{"a":[{"b":{"tel":"1"}},{"tel":null},{"tel":""}]}"#,
                r#"{"a":[{"b":{"tel":"••••••"}},{"tel":null},{"tel":""}]}"#,
            ),
            (r#"{"tel":"1","tel":"2"}"#, r#"{"tel":"••••••","tel":"••••••"}"#),
            (r#"{"t\u0065l":"1"}"#, r#"{"t\u0065l":"••••••"}"#),
            // Half of a surrogate pair, which is no text.
            (
                r#"{"\ud800":1,"a":{"\udc00":[2],"tel":3}}"#,
                r#"{"\ud800":"••••••","a":{"\udc00":"••••••","tel":"••••••"}}"#,
            ),
            (r#"{"s":"\ud800"}"#, r#"{"s":"••••••"}"#),
            (r#"{"echo":"t\u0065l=0989"}"#, r#"{"echo":"••••••"}"#),
            (r#"{"echo":"tel\u003d0989"}"#, r#"{"echo":"••••••"}"#),
            (r#"{"path":"C:\\users"}"#, r#"{"path":"C:\\users"}"#),
            (r#"{"name":"\u1ea1"}"#, r#"{"name":"\u1ea1"}"#),
            (r#"{"echo":"{\"t\\u0065l\":\"0989898990\"}"}"#, r#"{"echo":"••••••"}"#),
            // Numbers that a parser would round, and escapes, stay as they are.
            (
                r#"{"n":12345678901234567890.10,"s":"\u0041\/"}"#,
                r#"{"n":12345678901234567890.10,"s":"\u0041\/"}"#,
            ),
            (r#"{"address_id":"30822"}"#, r#"{"address_id":"30822"}"#),
            (r#"{"echo":"{\"tel\":\"0989898990\"}"}"#, r#"{"echo":"••••••"}"#),
            ("[]", "[]"),
            ("null", "null"),
        ] {
            assert_eq!(fields().mask_json(given).expect("JSON"), shown, "{given}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_masked_whole_where_it_seems_to_name_a_field() {
        let readable = r#"{"t\u0065l":"0989898990","\ud800":1}"#;
        assert!(!fields().mask_body(readable.to_owned()).contains("0989898990"));
        for (given, shown) in [
            ("OK", "OK"),
            ("<html>Không tìm thấy</html>", "<html>Không tìm thấy</html>"),
            ("<p>Tel: 0989898990</p>", MASK),
            ("tel=0989898990&id=1", MASK),
            (r#"{"id":1,"tel":"0989898990","cut"#, MASK),
            (r#"{"t\u0065l":"0989898990","cut"#, MASK),
        ] {
            assert_eq!(fields().mask_body(given.to_owned()), shown, "{given}");
        }
        let deep = format!("{}{{\"tel\":\"1\"}}{}", "[".repeat(100), "]".repeat(100));
        assert!(!fields().mask_body(deep).contains('1'));
    }

    #[test]
    fn without_fields_nothing_is_touched() {
        let none = PersonalFields::default();
        assert_eq!(none.mask_json(" {\"tel\": 1 } ").expect("kept"), " {\"tel\": 1 } ");
        assert_eq!(none.mask_body("tel=1".to_owned()), "tel=1");
    }
}
