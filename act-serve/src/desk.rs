//! Work on texts, off the thread that all connections share: JSON in, token ids, JSON out.
//!
//! Requests of many bytes go one after the other, so that whatever they cost, others find a core.

use std::sync::Arc;

use act_infer::{Encoded, Engine};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::failure::Failure;

/// Bytes from which on a request is a long one: some milliseconds of work.
const LONG: usize = 1 << 16;

/// A text, or a pair.
pub type Text = (String, Option<String>);

/// The threads that work on texts.
#[derive(Debug, Clone)]
pub struct Desk {
    threads: usize,
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

impl Desk {
    /// So many short requests at a time, and one long one.
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(2);
        Self {
            threads,
            short: Arc::new(Semaphore::new(threads)),
            long: Arc::new(Semaphore::new(1)),
        }
    }

    /// Short requests at a time.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Does something that takes as long as so many bytes do.
    ///
    /// # Errors
    /// Its own; 500: it panicked.
    pub async fn work<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let lane = if bytes > LONG {
            &self.long
        } else {
            &self.short
        };
        // Neither is ever closed.
        let permit = lane.clone().acquire_owned().await;
        let done = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await
            .map_err(|e| Failure::broken(format!("internal error: {e}")))?
    }
}

/// Token ids of texts, on this thread.
///
/// # Errors
/// 400: a pair for a model that takes one text, or the other way round; 413: a text is too long.
pub fn encode(engine: &Engine, texts: &[Text], most: usize) -> Result<Vec<Encoded>, Failure> {
    let pairs = engine.task().takes_pairs();
    let encode = |(i, (a, b)): (usize, &Text)| {
        match (pairs, b) {
            (Some(true), None) => {
                let message = format!("text {i} is one text, and the model takes two: give a pair");
                return Err(Failure::refused(message));
            }
            (Some(false), Some(_)) => {
                let message = format!("text {i} is a pair, and the model takes one text");
                return Err(Failure::refused(message));
            }
            _ => {}
        }
        let bytes = a.len() + b.as_ref().map_or(0, String::len);
        if bytes > most {
            let message = format!("text {i} has {bytes} bytes, at most {most} are taken");
            return Err(Failure::too_large(message));
        }
        let encoded = engine.encode(&[(a, b.as_deref())]);
        encoded.map_err(|e| Failure::broken(e.to_string()))
    };
    let encoded: Result<Vec<Vec<Encoded>>, Failure> =
        texts.iter().enumerate().map(encode).collect();
    Ok(encoded?.into_iter().flatten().collect())
}
