//! What a receiver answers.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Lets through as much as the test says.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets `count` more through.
    pub fn let_through(&self, count: usize) {
        self.0.add_permits(count);
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.close();
    }

    /// Waits to be let through.
    pub(super) async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// One reply of a script. All but the first end the connection, one way or another.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer as it should be; the connection is kept unless a header says otherwise.
    Answer {
        /// The status code.
        status: u16,
        /// Headers besides `content-length`.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The reply behind a gate: the request waits until the test lets it through.
    Gated(Gate, Box<Reply>),
    /// No answer, ever.
    Hang,
    /// A 200 that announces `length` bytes and sends one for each that the gate lets through.
    SlowBody {
        /// What it announces.
        length: usize,
        /// What it waits for.
        gate: Gate,
    },
    /// A 200 whose chunks never end.
    EndlessChunks,
    /// `102 Processing` for ever.
    EndlessContinue,
    /// A 200 that announces more than it sends, then closes.
    LyingLength {
        /// What it announces.
        announced: usize,
        /// What it sends.
        body: Vec<u8>,
    },
    /// A TCP reset in place of an answer.
    ResetBeforeAnswer,
    /// A TCP reset after the head and some of the body.
    ResetMidBody,
    /// A header of this many bytes.
    HugeHead(usize),
    /// This many headers.
    ManyHeaders(usize),
    /// A first line that is no HTTP.
    BadStatusLine,
    /// These very bytes, then the end.
    Bytes(Vec<u8>),
    /// A 200 with a body of this many bytes.
    HugeBody(usize),
    /// The same, of any size: it is written piece by piece and stands nowhere whole.
    LongBody(u64),
}

impl Reply {
    /// The document's acknowledgement: 200 with `{"status": 200, "message": "OK"}`.
    pub fn acknowledged() -> Self {
        Self::json(200, r#"{"status": 200, "message": "OK"}"#)
    }

    /// This status without a body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    /// This status with a JSON body.
    pub fn json(status: u16, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with_header("location", location)
    }

    /// This reply, once the gate lets it through.
    #[must_use]
    pub fn behind(self, gate: &Gate) -> Self {
        Self::Gated(gate.clone(), Box::new(self))
    }

    /// An answer with one more header; other replies stay as they are.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// An answer after which the connection is closed.
    #[must_use]
    pub fn closing(self) -> Self {
        self.with_header("connection", "close")
    }

    /// The status code of an answer.
    pub fn status_code(&self) -> Option<u16> {
        match self {
            Self::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }
}
