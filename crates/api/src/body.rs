//! Reading request bodies: within their limit, as JSON, and with the place where they are wrong.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem, text};

/// How much of a body that is too large is still read, so that the client gets to read the answer.
pub const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// Reads a JSON body of at most `limit` bytes.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    check_media_type(headers)?;
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
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
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
    let kib = limit / 1024;
    let detail = text(
        format!("Nội dung vượt quá giới hạn {kib} KiB. Không có gì được ghi."),
        format!("The body is over the limit of {kib} KiB. Nothing was written."),
    );
    Problem::new(Kind::TooLarge, detail)
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
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, Problem> {
    let bytes = read(headers, body, limit).await?;
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
            format!("JSON sai ở dòng {line}, cột {column}."),
            format!("The JSON is wrong at line {line}, column {column}: {}.", without_position(error)),
        );
        return Problem::new(Kind::InvalidJson, detail);
    }
    let said = without_position(error);
    if let Some(name) = quoted_after(&said, "unknown field `") {
        let pointer = if pointer.ends_with(&format!("/{name}")) {
            pointer.to_owned()
        } else {
            format!("{pointer}/{name}")
        };
        let detail = text(
            format!("Trường “{name}” không có trong API."),
            format!("The API has no field “{name}” here: {said}."),
        );
        return Problem::field(Kind::UnknownField, pointer, detail);
    }
    if let Some(name) = quoted_after(&said, "missing field `") {
        let detail = text(format!("Thiếu trường “{name}”."), format!("The field “{name}” is missing."));
        return Problem::field(Kind::ValidationFailed, format!("{pointer}/{name}"), detail);
    }
    let detail = text(format!("Giá trị sai kiểu: {said}."), format!("The value does not fit: {said}."));
    Problem::field(Kind::ValidationFailed, pointer, detail)
}

fn without_position(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.rfind(" at line ").map_or(said.clone(), |end| said[..end].to_owned())
}

fn quoted_after<'a>(said: &'a str, intro: &str) -> Option<&'a str> {
    let rest = said.strip_prefix(intro)?;
    rest.split('`').next()
}

/// How deep objects and arrays lie inside one another in valid JSON.
pub fn json_depth(json: &[u8]) -> usize {
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
            assert_eq!(json_depth(json.as_bytes()), depth, "{json}");
        }
    }
}
