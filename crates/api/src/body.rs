//! Reading request bodies: within their limit, as JSON, and with the place where they are wrong.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bocau_domain::limits::BATCH_REQUEST_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::problem::{Kind, Problem, Text, text};
use crate::refusals::shortened;
use crate::router::Api;

/// How much of a body that is too large is still read, so that the client gets to read the answer.
pub const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of all bodies together that are being read or handled.
pub const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Counts the bytes of all bodies that are being read or handled.
#[derive(Default)]
pub struct Budget(Arc<AtomicUsize>);

/// Bytes that are counted as long as this is kept.
struct Charge {
    budget: Arc<AtomicUsize>,
    bytes: usize,
}

impl Charge {
    fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.budget.fetch_add(bytes, Ordering::Relaxed) + bytes > BODIES_BYTES_MAX {
            return Err(Problem::overloaded());
        }
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body that was read; it counts against the budget until it is dropped.
pub struct Held {
    bytes: Bytes,
    _charge: Charge,
}

impl Deref for Held {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

/// Reads a JSON body of at most `limit` bytes.
pub async fn read(api: &Api, headers: &HeaderMap, body: Body, limit: usize) -> Result<Held, Problem> {
    check_media_type(headers)?;
    check_encoding(headers)?;
    let mut charge = Charge { budget: api.bodies().0.clone(), bytes: 0 };
    let mut body = body;
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let broke_off = |_| {
            let detail = text("Nội dung bị ngắt giữa chừng.", "The body broke off.");
            Problem::new(Kind::InvalidJson, detail)
        };
        let Ok(data) = frame.map_err(broke_off)?.into_data() else { continue };
        length += data.len();
        if length > limit {
            drain(body).await;
            return Err(too_large(limit));
        }
        charge.add(data.len())?;
        // Most bodies come in one piece, which needs no copy.
        match first {
            None => first = Some(data),
            Some(ref start) => {
                if rest.is_empty() {
                    rest.extend_from_slice(start);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    let bytes = if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() };
    Ok(Held { bytes, _charge: charge })
}

async fn drain(mut body: Body) {
    let mut drained = 0;
    while drained < DRAIN_BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => drained += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

/// A body beyond its limit.
pub fn too_large(limit: usize) -> Problem {
    let shown = if limit == BATCH_REQUEST_BYTES_MAX { "8 MiB" } else { "512 KiB" };
    let detail = text(
        format!("Nội dung vượt quá giới hạn {shown}. Không có gì được ghi."),
        format!("The body is over the limit of {shown}. Nothing was written."),
    );
    Problem::new(Kind::TooLarge, detail)
}

/// Bodies come as they are: a compressed one would have to be unpacked within a limit of its own.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let is_plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    let detail = text(
        "Hãy gửi nội dung không nén (bỏ header Content-Encoding).",
        "Send the body uncompressed (without the header Content-Encoding).",
    );
    Err(Problem::new(Kind::UnsupportedMediaType, detail))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence =
        value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let detail = text(
        "Hãy gửi JSON với header Content-Type: application/json.",
        "Send JSON with the header Content-Type: application/json.",
    );
    Err(Problem::new(Kind::UnsupportedMediaType, detail))
}

/// Reads and parses a body into a value that borrows nothing.
pub async fn read_json<T: DeserializeOwned>(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, Problem> {
    let bytes = read(api, headers, body, limit).await?;
    parse(&bytes)
}

/// Parses a body, which is a JSON object; where it does not fit, says where and why.
pub fn parse<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    parse_part(bytes, "")
}

/// Parses a part of a body, which is a JSON object and stands at `pointer`.
pub fn parse_part<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8], pointer: &str) -> Result<T, Problem> {
    // A JSON array would also fill a struct, field by field.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let detail = text(
            "Cần một đối tượng JSON {…}, không phải danh sách.",
            "A JSON object {…} is needed, not an array.",
        );
        return Err(Problem::field(Kind::ValidationFailed, pointer, detail));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| explain(bytes, &error, &format!("{pointer}{}", pointer_of::<T>(bytes))))
}

/// Parses once more, slower, to find the place.
fn pointer_of<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let path = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err();
    let mut pointer = String::new();
    for segment in path.iter().flat_map(|error| error.path().iter()) {
        match segment {
            serde_path_to_error::Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            serde_path_to_error::Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            _ => {}
        }
    }
    pointer
}

fn explain(bytes: &[u8], error: &serde_json::Error, pointer: &str) -> Problem {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            let detail = text("Yêu cầu cần một nội dung JSON.", "The request needs a JSON body.");
            return Problem::new(Kind::InvalidJson, detail);
        }
        let detail = text(
            format!("JSON sai ở dòng {line}, cột {column} ({}).", without_position(error)),
            format!("The JSON is wrong at line {line}, column {column}: {}.", without_position(error)),
        );
        return Problem::new(Kind::InvalidJson, detail);
    }
    let said = without_position(error);
    let pointer = &shortened(pointer);
    if let Some(name) = quoted_after(&said, "unknown field `") {
        let name = &shortened(name);
        let pointer = if pointer.ends_with(&format!("/{name}")) {
            pointer.to_owned()
        } else {
            format!("{pointer}/{name}")
        };
        let detail = text(
            format!("Không có trường “{name}” ở đây.{}", known_fields(&said, "Các trường")),
            format!("There is no field “{name}” here.{}", known_fields(&said, "The fields")),
        );
        return Problem::field(Kind::UnknownField, pointer, detail);
    }
    if let Some(name) = quoted_after(&said, "missing field `") {
        let detail = text(format!("Thiếu trường “{name}”."), format!("The field “{name}” is missing."));
        return Problem::field(Kind::ValidationFailed, format!("{pointer}/{name}"), detail);
    }
    if let Some(name) = quoted_after(&said, "duplicate field `") {
        let name = &shortened(name);
        let detail = text(
            format!("Trường “{name}” xuất hiện hai lần."),
            format!("The field “{name}” stands there twice."),
        );
        return Problem::field(Kind::ValidationFailed, format!("{pointer}/{name}"), detail);
    }
    Problem::field(Kind::ValidationFailed, pointer, wrong_type(&said))
}

/// The names that an unknown-field error says there are.
pub(crate) fn known_fields(said: &str, intro: &str) -> String {
    let names: Vec<&str> = match said.split_once(", expected ") {
        Some((_, list)) => list.split('`').skip(1).step_by(2).collect(),
        None => Vec::new(),
    };
    if names.is_empty() { String::new() } else { format!(" {intro}: {}.", names.join(", ")) }
}

/// “invalid type: integer `1`, expected a string” in words for people.
pub(crate) fn wrong_type(said: &str) -> Text {
    let expected = said.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let (vi, en) = match expected {
        "a string" | "a borrowed string" => ("chuỗi ký tự", "a string"),
        "a boolean" => ("true hoặc false", "true or false"),
        "u8" | "u16" | "u32" | "u64" | "usize" => ("số nguyên không âm", "a whole number, not negative"),
        "a sequence" => ("danh sách […]", "a list […]"),
        "a map" => ("đối tượng {…}", "an object {…}"),
        other if other.starts_with("struct ") => ("đối tượng {…}", "an object {…}"),
        _ if said == "invalid digit found in string" => {
            ("số nguyên không âm", "a whole number, not negative")
        }
        _ => {
            let said = shortened(said);
            return text(
                format!("Giá trị không hợp lệ: {said}."),
                format!("The value does not fit: {said}."),
            );
        }
    };
    text(format!("Giá trị sai kiểu: cần {vi}."), format!("The value has the wrong type: {en} is needed."))
}

fn without_position(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rfind(" at line ").map_or(said.clone(), |end| said[..end].to_owned())
}

pub(crate) fn quoted_after<'a>(said: &'a str, intro: &str) -> Option<&'a str> {
    let rest = said.strip_prefix(intro)?;
    rest.split('`').next()
}

/// Whether objects and arrays lie inside one another deeper than `limit` in valid JSON.
pub fn is_nested_deeper(json: &[u8], limit: usize) -> bool {
    // Most payloads do not have as many in all, and counting them is many times faster than telling which lie in which.
    let opened = json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    opened > limit && depth(json) > limit
}

fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(inner) = bytes.next() {
                    match inner {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

/// Tells a field that is `null` from one that is left out.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A field that may be left out but is never `null`.
pub fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its parsing is looked at")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only its parsing is looked at")]
        list: Vec<u8>,
    }

    #[test]
    fn a_wrong_body_is_explained_with_the_place() {
        for (body, kind, pointer) in [
            ("", Kind::InvalidJson, None),
            ("{", Kind::InvalidJson, None),
            (r#"{"name": "a" "#, Kind::InvalidJson, None),
            (r#"{"name": "a"} x"#, Kind::InvalidJson, None),
            (r#"{"name": "a", "nmae": 1}"#, Kind::UnknownField, Some("/nmae")),
            ("{}", Kind::ValidationFailed, Some("/name")),
            (r#"{"name": 5}"#, Kind::ValidationFailed, Some("/name")),
            (r#"{"name": "a", "list": [1, 300]}"#, Kind::ValidationFailed, Some("/list/1")),
            (r#" ["a"]"#, Kind::ValidationFailed, Some("")),
        ] {
            let problem = parse::<Sample>(body.as_bytes()).expect_err(body);
            assert_eq!(problem.kind, kind, "{body}: {problem:?}");
            assert_eq!(problem.errors.first().map(|error| error.pointer.as_str()), pointer, "{body}");
        }
    }

    #[test]
    fn depth_counts_objects_and_arrays_but_not_what_stands_in_strings() {
        for (json, depth) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[{}]}"#, 3),
            (r#"{"a":"[[[[","b":"\"[[{"}"#, 1),
            (r#"[[],[],{"a":{}}]"#, 3),
        ] {
            assert!(!is_nested_deeper(json.as_bytes(), depth), "{json}");
            assert!(depth == 0 || is_nested_deeper(json.as_bytes(), depth - 1), "{json}");
        }
    }
}
