//! `/docs`: the `OpenAPI` document as a page that people read. Made on the server, without a script.

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::response::{Html, IntoResponse};
use serde_json::Value;

use crate::openapi::openapi_json;

const AUTHENTICATION: &str = "<p>Mỗi yêu cầu cần khóa API · Each request needs an API key: \
    <code>Authorization: Bearer bck_…</code> (<code>bocau key create</code>). Người dùng đăng nhập bằng \
    <code>POST /api/v1/session</code> · People sign in by <code>POST /api/v1/session</code>.</p>";
const STYLE: &str = include_str!("docs.css");

/// `GET /docs`
pub(crate) async fn get() -> impl IntoResponse {
    static PAGE: OnceLock<String> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let document = serde_json::from_str(&openapi_json()).expect("our own document is JSON");
        render(&document)
    });
    // The one style sheet stands in the page; nothing else may be loaded or run.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    ([("content-security-policy", policy), ("x-content-type-options", "nosniff")], Html(page.as_str()))
}

fn render(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"vi\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Bồ Câu API</title><style>{STYLE}</style></head><body><header><h1>Bồ Câu API</h1>"
    );
    let description = document["info"]["description"].as_str().unwrap_or_default();
    for paragraph in description.split("\n\n") {
        let _ = write!(page, "<p>{}</p>", prose(paragraph));
    }
    page.push_str(AUTHENTICATION);
    page.push_str("<p><a href=\"/api/v1/openapi.json\">OpenAPI 3.1</a></p></header>");
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    page.push_str("<nav>");
    for tag in tags {
        let (name, label) = (text(&tag["name"]), text(&tag["description"]));
        let _ = write!(page, "<a href=\"#{}\">{}</a>", escape(&name.replace(' ', "-")), escape(label));
    }
    page.push_str("<a href=\"#schemas\">Schemas</a></nav><main>");
    for tag in tags {
        let name = text(&tag["name"]);
        let _ = write!(
            page,
            "<h2 id=\"{}\">{}</h2>",
            escape(&name.replace(' ', "-")),
            escape(text(&tag["description"]))
        );
        render_operations(&mut page, document, name);
    }
    page.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(page, "<section class=\"schema\" id=\"schema-{0}\"><h3>{0}</h3>", escape(name));
        let _ = write!(page, "<p>{}</p>", prose(text(&schema["description"])));
        render_fields(&mut page, document, schema);
        page.push_str("</section>");
    }
    page.push_str("</main></body></html>");
    page
}

fn render_operations(page: &mut String, document: &Value, tag: &str) {
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tags = operation["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
            if tags.iter().any(|own| own == tag) {
                render_operation(page, path, method, operation);
            }
        }
    }
}

fn render_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(&operation["operationId"]);
    let _ = write!(
        page,
        "<section id=\"{}\"><h3><b class=\"{method}\">{}</b> <code>{}</code></h3>",
        escape(id),
        method.to_uppercase(),
        escape(path)
    );
    for part in ["summary", "description"] {
        let said = text(&operation[part]);
        if !said.is_empty() {
            let _ = write!(page, "<p>{}</p>", prose(said));
        }
    }
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<table><tbody>");
        for parameter in parameters {
            let place = text(&parameter["in"]);
            let name = text(&parameter["name"]);
            let _ = write!(
                page,
                "<tr><td><code>{}</code></td><td>{place}</td><td>{}</td></tr>",
                escape(name),
                prose(text(&parameter["description"]))
            );
        }
        page.push_str("</tbody></table>");
    }
    if let Some(content) =
        operation["requestBody"]["content"].as_object().and_then(|content| content.values().next())
    {
        let _ = write!(page, "<p class=\"body\">Body: {}</p>", type_of(&content["schema"]));
    }
    page.push_str("<table><tbody>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let schema = response["content"].as_object().and_then(|content| content.values().next());
        let _ = write!(
            page,
            "<tr><td><b>{}</b></td><td>{}</td><td>{}</td></tr>",
            escape(status),
            schema.map(|content| type_of(&content["schema"])).unwrap_or_default(),
            prose(text(&response["description"]))
        );
    }
    page.push_str("</tbody></table></section>");
}

fn render_fields(page: &mut String, document: &Value, schema: &Value) {
    page.push_str("<table><tbody>");
    for part in schema["allOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice) {
        if let Some(target) = part["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
            let _ = write!(page, "<tr><td colspan=\"3\">+ {}</td></tr>", link(target));
            debug_assert!(document["components"]["schemas"][target].is_object(), "{target}");
        }
        for (name, field) in part["properties"].as_object().into_iter().flatten() {
            let _ = write!(
                page,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(name),
                type_of(field),
                prose(text(&field["description"]))
            );
        }
    }
    page.push_str("</tbody></table>");
}

fn type_of(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        return link(target);
    }
    for list in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[list].as_array() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(" | ");
        }
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("{}[]", type_of(&schema["items"])),
        Value::String(kind) => escape(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => String::new(),
    }
}

fn link(target: &str) -> String {
    format!("<a href=\"#schema-{0}\">{0}</a>", escape(target))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text with its `code` marked.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        let part = escape(part);
        let _ = if place % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
