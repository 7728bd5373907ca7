//! The `OpenAPI` document is what it was when it was last looked at, and it tells of every route.

use bocau_api::openapi_json;

/// The document as it is kept: the dashboard's types are generated from it.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboard/openapi.json");

/// Clients are generated from this document, so a change of it must be seen.
#[test]
fn the_document_is_the_one_that_is_kept() {
    let made = openapi_json() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(KEPT, &made).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(KEPT).expect("the file is there");
    let advice =
        "UPDATE_OPENAPI=1 cargo nextest run -p bocau-api contract; (cd dashboard && npm run generate)";
    assert!(
        kept == made,
        "dashboard/openapi.json is not what the routes make. Look at the difference after: {advice}"
    );
}

#[test]
fn every_operation_says_what_it_is_and_how_it_fails() {
    let document: serde_json::Value = serde_json::from_str(&openapi_json()).expect("JSON");
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let name = format!("{method} {path}");
            let says = operation["summary"].is_string() || operation["description"].is_string();
            assert!(says, "{name} says what it does");
            assert!(operation["operationId"].is_string(), "{name} has a name");
            if path.starts_with("/api/v1") {
                assert!(operation["responses"]["4XX"].is_object(), "{name} says how it refuses");
            }
        }
    }
}

#[test]
fn every_schema_that_is_named_is_there() {
    let json = openapi_json();
    let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    for part in json.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("a name");
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
