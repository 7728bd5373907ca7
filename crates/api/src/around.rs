//! What every request meets before its route, and every answer on its way out: the limit of the machine that it comes
//! from, the language of its problems, and the headers that browsers heed.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::ACCEPT_LANGUAGE;
use tower_http::request_id::RequestId;

use crate::answer_headers;
use crate::problem::{Kind, Language, Problem};
use crate::router::Api;

/// Answers a request by its route, unless its machine has sent too many.
pub(crate) async fn answer(State(api): State<Api>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = header.map_or(Language::default(), Language::from_accept_language);
    let is_logged = tracing::enabled!(tracing::Level::DEBUG);
    let what = is_logged.then(|| (request.method().clone(), request.uri().path().to_owned()));
    let id = request.extensions().get::<RequestId>().cloned();
    let refused = is_api.then(|| api.rate_limiter().refuses_machine(&request, &api)).flatten();
    let mut response = match refused {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    };
    if let Some((method, path)) = what {
        tracing::debug!(%method, path, status = response.status().as_u16(), "request");
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = written(&problem, language, id.as_ref());
    }
    answer_headers::add(&mut response, is_api, api.is_https());
    response
}

/// A handler's problem in the language that the request prefers; what is our fault is logged.
fn written(problem: &Problem, language: Language, id: Option<&RequestId>) -> Response {
    // What the database did is logged where it happened; a server that stops or is full says so by itself.
    if problem.kind == Kind::Internal {
        let request_id = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
        tracing::error!(request_id, "a request was answered with a server error");
    }
    problem.render(language)
}
