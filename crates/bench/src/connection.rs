//! A connection that is kept alive, without anything between it and the wire.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::{Authority, provider};

/// A connection to one server.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// What an answer was.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Connection {
    /// Connects; with an authority, by TLS.
    pub(crate) async fn open(address: SocketAddr, authority: Option<&Authority>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        let Some(authority) = authority else {
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            return Ok(Self { sender });
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der.clone())?;
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Posts, and reads the answer whole.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Answer { status: head.status, body: body.collect().await?.to_bytes() })
    }

    /// Posts, where only this answer will do.
    pub(crate) async fn expect(
        &mut self,
        request: Request<Full<Bytes>>,
        status: u16,
    ) -> anyhow::Result<Bytes> {
        let Answer { status: got, body } = self.send(request).await?;
        ensure!(got == status, "{got} in place of {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}

/// A JSON post.
pub(crate) fn post(path: &str, key: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "127.0.0.1")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Full::new(body))
        .expect("the request is well formed")
}
