//! The receiver over HTTP/2: answers and waits, nothing else of the script.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::{Reply, Request, Shared};

pub(super) async fn serve(stream: TlsStream<TcpStream>, connection: usize, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, connection, shared.clone()));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // A client that hangs up ends the connection with an error that means nothing here.
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    connection: usize,
    shared: Arc<Shared>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut reply = shared.take(Request {
        number: 0,
        connection,
        at: None,
        method: head.method.to_string(),
        path,
        version: format!("{:?}", head.version),
        headers: head.headers.iter().map(header).collect(),
        body,
    });
    while let Reply::Gated(gate, behind) = reply {
        gate.pass().await;
        reply = *behind;
    }
    match reply {
        Reply::Answer { status, headers, body } => {
            let mut response = hyper::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::new(body.into())).expect("the script's answer is well formed"))
        }
        Reply::Hang => std::future::pending().await,
        other => panic!("{other:?} is for HTTP/1.1"),
    }
}
