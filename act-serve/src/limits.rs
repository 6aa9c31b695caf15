//! The bounds of the service, each a flag.

use std::time::Duration;

/// What a client, and all of them together, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Texts at which a batch goes at once.
    pub batch: usize,
    /// How long a batch waits for company.
    pub wait: Duration,
    /// Texts that may wait for a model.
    pub queue: usize,
    /// Texts of one request.
    pub texts: usize,
    /// Bytes of one text, or of the two of a pair.
    pub text: usize,
    /// Bytes of a body.
    pub body: usize,
    /// Connections at a time.
    pub connections: usize,
    /// What a client may take to send a header, to send a body, and to take an answer.
    pub client: Duration,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// How long those who have asked are waited for at the end.
    pub drain: Duration,
}

impl Limits {
    /// Bytes of bodies that may be held at a time, whoever sends them.
    pub fn bodies(&self) -> usize {
        (8 * self.body).max(64 << 20)
    }
}
