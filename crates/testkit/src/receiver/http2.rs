//! The receiver over HTTP/2: answers, long ones and waits, nothing else of the script.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming};
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
) -> Result<hyper::Response<Either<Full<Bytes>, LongBody>>, Infallible> {
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
            let body = Either::Left(Full::new(body.into()));
            Ok(response.body(body).expect("the script's answer is well formed"))
        }
        Reply::LongBody(bytes) => Ok(hyper::Response::new(Either::Right(LongBody { left: bytes }))),
        Reply::Hang => std::future::pending().await,
        other => panic!("{other:?} is for HTTP/1.1"),
    }
}

/// As many bytes as are left, made as they are sent.
struct LongBody {
    left: u64,
}

impl Body for LongBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static PIECE: [u8; 16 * 1024] = [b'x'; 16 * 1024];
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE.len());
        if size == 0 {
            return Poll::Ready(None);
        }
        self.left -= size as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE[..size])))))
    }
}
