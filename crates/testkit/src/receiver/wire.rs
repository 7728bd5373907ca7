//! HTTP/1.1 by hand: reading requests, and writing every reply of the script.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::{Gate, Reply, Request, Shared};

type Stream = TlsStream<TcpStream>;

/// More than any head of ours has.
const HEAD_BYTES_MAX: usize = 512 * 1024;
const PIECE: [u8; 16 * 1024] = [b'x'; 16 * 1024];
const CHUNK: &[u8] = b"400\r\n";
const CHUNK_BYTES: usize = 0x400;

/// Answers one request after the other, until either side has enough.
pub(super) async fn serve(mut stream: Stream, connection: usize, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(mut request) = read_request(&mut stream, &mut buffer).await? {
        request.connection = connection;
        let reply = shared.take(request);
        if !write_reply(&mut stream, reply).await? {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

/// `None` where the client closes between two requests.
async fn read_request(stream: &mut Stream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the head does not end"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let mut request = parse_head(&head)?;
    let length: usize = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let body_end = head_end + 4 + length;
    while buffer.len() < body_end {
        if stream.read_buf(buffer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    request.body = buffer[head_end + 4..body_end].to_vec();
    buffer.drain(..body_end);
    Ok(Some(request))
}

fn parse_head(head: &str) -> io::Result<Request> {
    let malformed = || io::Error::new(ErrorKind::InvalidData, "the head is no HTTP");
    let mut lines = head.split("\r\n");
    let mut first = lines.next().ok_or_else(malformed)?.split(' ');
    let mut word = || first.next().map(str::to_owned).ok_or_else(malformed);
    let (method, path, version) = (word()?, word()?, word()?);
    let header = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        Ok((name.to_owned(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<io::Result<Vec<_>>>()?;
    Ok(Request { number: 0, connection: 0, at: None, method, path, version, headers, body: Vec::new() })
}

/// Whether the connection goes on.
async fn write_reply(stream: &mut Stream, mut reply: Reply) -> io::Result<bool> {
    while let Reply::Gated(gate, behind) = reply {
        if !pass(stream, &gate).await? {
            return Ok(false);
        }
        reply = *behind;
    }
    match reply {
        Reply::Answer { status, headers, body } => {
            return write_answer(stream, status, &headers, &body).await;
        }
        Reply::Gated(..) => unreachable!("gates were passed above"),
        Reply::Hang => until_closed(stream).await?,
        Reply::SlowBody { length, gate } => drip(stream, length, &gate).await?,
        Reply::EndlessChunks => endless_chunks(stream).await?,
        Reply::EndlessContinue => loop {
            stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await?;
            stream.flush().await?;
        },
        Reply::LyingLength { announced, body } => {
            stream.write_all(&head(200, &[("content-length", &announced.to_string())])).await?;
            stream.write_all(&body).await?;
        }
        Reply::ResetBeforeAnswer => reset(stream)?,
        Reply::ResetMidBody => {
            stream.write_all(&head(200, &[("content-length", "1000")])).await?;
            stream.write_all(&[b'x'; 100]).await?;
            stream.flush().await?;
            reset(stream)?;
        }
        Reply::HugeHead(bytes) => {
            let value = "x".repeat(bytes);
            stream.write_all(&head(200, &[("content-length", "0"), ("x-huge", &value)])).await?;
        }
        Reply::ManyHeaders(count) => {
            let many: Vec<String> = (0..count).map(|number| format!("x-header-{number}")).collect();
            let mut headers: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
            headers.push(("content-length", "0"));
            stream.write_all(&head(200, &headers)).await?;
        }
        Reply::BadStatusLine => stream.write_all(b"SPDY/9 who knows\r\n\r\n").await?,
        Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
        Reply::LongBody(bytes) => long_body(stream, bytes).await?,
        Reply::HugeBody(bytes) => {
            stream.write_all(&head(200, &[("content-length", &bytes.to_string())])).await?;
            stream.write_all(&vec![b'x'; bytes]).await?;
        }
    }
    stream.flush().await?;
    Ok(false)
}

async fn write_answer(
    stream: &mut Stream,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<bool> {
    let length = body.len().to_string();
    let mut all: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.push(("content-length", &length));
    let mut bytes = head(status, &all);
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    Ok(!headers.iter().any(|(name, value)| name == "connection" && value == "close"))
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

async fn drip(stream: &mut Stream, length: usize, gate: &Gate) -> io::Result<()> {
    stream.write_all(&head(200, &[("content-length", &length.to_string())])).await?;
    stream.flush().await?;
    for _ in 0..length {
        if !pass(stream, gate).await? {
            return Ok(());
        }
        stream.write_all(b"x").await?;
        stream.flush().await?;
    }
    Ok(())
}

async fn long_body(stream: &mut Stream, bytes: u64) -> io::Result<()> {
    stream.write_all(&head(200, &[("content-length", &bytes.to_string())])).await?;
    let mut left = bytes;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
        stream.write_all(&PIECE[..size]).await?;
        left -= size as u64;
    }
    Ok(())
}

async fn endless_chunks(stream: &mut Stream) -> io::Result<()> {
    stream.write_all(&head(200, &[("transfer-encoding", "chunked")])).await?;
    loop {
        stream.write_all(CHUNK).await?;
        stream.write_all(&[b'x'; CHUNK_BYTES]).await?;
        stream.write_all(b"\r\n").await?;
        stream.flush().await?;
    }
}

/// Whether the gate let it through before the client closed.
async fn pass(stream: &mut Stream, gate: &Gate) -> io::Result<bool> {
    tokio::select! {
        () = gate.pass() => Ok(true),
        closed = until_closed(stream) => closed.map(|()| false),
    }
}

async fn until_closed(stream: &mut Stream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// Makes the system answer with a reset when the stream is dropped, which the error does at once.
fn reset(stream: &mut Stream) -> io::Result<()> {
    stream.get_ref().0.set_zero_linger()?;
    Err(ErrorKind::ConnectionReset.into())
}
