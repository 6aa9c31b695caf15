//! Takes bodies in, within bounds of bytes and time.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::failure::Failure;

/// The bytes of a body, and their share of what all bodies may take.
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    _share: Option<OwnedSemaphorePermit>,
}

/// Reads bodies.
#[derive(Debug, Clone)]
pub struct Reader {
    most: usize,
    within: Duration,
    /// Bytes that all bodies together may still take.
    room: Arc<Semaphore>,
}

impl Reader {
    /// Bodies of at most `most` bytes, each within a time, and `all` bytes of them at a time.
    pub fn new(most: usize, within: Duration, all: usize) -> Self {
        Self {
            most,
            within,
            room: Arc::new(Semaphore::new(all)),
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// 413: it is too long; 408: too slow; 429: others have taken all the room; 400: it broke off.
    pub async fn read(&self, body: Incoming) -> Result<Body, Failure> {
        let read = timeout(self.within, self.collect(body)).await;
        read.unwrap_or_else(|_| {
            let message = format!("the body did not come within {:?}", self.within);
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, message))
        })
    }

    async fn collect(&self, mut body: Incoming) -> Result<Body, Failure> {
        if body.size_hint().lower() > self.most as u64 {
            return Err(self.too_long());
        }
        let mut whole = Body {
            bytes: Vec::new(),
            _share: None,
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| Failure::refused(format!("the body broke off: {e}")))?;
            let Some(data) = frame.data_ref() else {
                continue; // Trailers.
            };
            if whole.bytes.len() + data.len() > self.most {
                return Err(self.too_long());
            }
            whole.hold(self.share(data.len())?);
            whole.bytes.extend_from_slice(data);
        }
        Ok(whole)
    }

    fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        // A body has at most 1 GiB, and so has a piece of one.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let share = self.room.clone().try_acquire_many_owned(bytes);
        share.map_err(|_| Failure::busy("too many bytes are being read already; come again"))
    }

    fn too_long(&self) -> Failure {
        Failure::too_large(format!("a body has at most {} bytes", self.most))
    }
}

impl Body {
    fn hold(&mut self, share: OwnedSemaphorePermit) {
        match &mut self._share {
            Some(held) => held.merge(share),
            none => *none = Some(share),
        }
    }
}
