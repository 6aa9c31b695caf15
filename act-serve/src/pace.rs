//! How slow a client may be: a stream that fails where its other end is slower.
//!
//! A header must be there within a time of its first byte, and of the connection's beginning; between
//! two requests a connection may rest longer; what is written must be taken. While a request is
//! answered the client owes nothing, and its body has a time of its own ([`crate::read`]).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Whether a request of the connection is being answered; the service says so. It counts beginnings and
/// ends, so that an answer between two looks is seen as well.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<AtomicUsize>);

impl Busy {
    /// A request has come, or its answer has been made.
    pub fn turn(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn turns(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// What the other end owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owes {
    /// Nothing: a request is being answered.
    Nothing,
    /// A request, when it likes.
    Request,
    /// A header, or what is left of one.
    Header,
}

/// A stream with bounds of time.
pub struct Paced<S> {
    stream: S,
    busy: Busy,
    /// How often it had turned when last looked at.
    turns: usize,
    client: Duration,
    idle: Duration,
    owes: Owes,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    /// A connection that begins now: a header is due within `client`.
    pub fn new(stream: S, busy: Busy, client: Duration, idle: Duration) -> Self {
        Self {
            stream,
            busy,
            turns: 0,
            client,
            idle,
            owes: Owes::Header,
            reading: Box::pin(sleep_until(Instant::now() + client)),
            writing: None,
        }
    }

    fn owe(&mut self, owes: Owes, within: Duration) {
        self.owes = owes;
        self.reading.as_mut().reset(Instant::now() + within);
    }

    /// The write did not go on; fails once it has not for too long.
    fn stuck(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let client = self.client;
        let deadline = || Box::pin(sleep_until(Instant::now() + client));
        let timer = self.writing.get_or_insert_with(deadline);
        timer.as_mut().poll(cx).map(|()| late())
    }

    fn wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            return self.stuck(cx).map(Err);
        }
        self.writing = None;
        outcome
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let turns = this.busy.turns();
        if turns != this.turns {
            this.turns = turns;
            match turns % 2 {
                0 => this.owe(Owes::Request, this.idle),
                _ => this.owes = Owes::Nothing,
            }
        }
        let before = buffer.filled().len();
        if Pin::new(&mut this.stream).poll_read(cx, buffer)?.is_ready() {
            if this.owes == Owes::Request && buffer.filled().len() > before {
                this.owe(Owes::Header, this.client);
            }
            return Poll::Ready(Ok(()));
        }
        if this.owes != Owes::Nothing {
            ready!(this.reading.as_mut().poll(cx));
            return Poll::Ready(Err(late()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
