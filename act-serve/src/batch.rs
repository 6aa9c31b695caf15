//! Texts of many requests through the engine together.
//!
//! While the engine computes, requests gather, and go with the next batch; a batch may also wait for
//! company. It computes no padding and an answer depends on its own text alone, so nobody can tell
//! with whom they were batched. A full queue is said at once and not waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use act_infer::{Classification, Encoded, Engine};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::limits::Limits;
use crate::metrics::BatchMetrics;

type Answers = Result<Vec<Classification>, Failure>;

/// A request on its way to the engine.
struct Job {
    texts: Vec<Encoded>,
    reply: oneshot::Sender<Answers>,
    since: Instant,
}

/// The way to a model's engine; its thread ends with the last of these.
pub struct Queue {
    jobs: Sender<Job>,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl Queue {
    /// Starts the thread that asks the engine.
    ///
    /// # Errors
    /// The operating system starts no more threads.
    pub fn new(
        engine: Arc<Engine>,
        limits: &Limits,
        metrics: BatchMetrics,
    ) -> std::io::Result<Self> {
        let (jobs, incoming) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let batcher = Batcher {
            engine,
            incoming,
            waiting: waiting.clone(),
            batch: limits.batch,
            wait: limits.wait,
            metrics,
        };
        thread::Builder::new()
            .name("batches".into())
            .spawn(move || batcher.run())?;
        Ok(Self {
            jobs,
            waiting,
            most: limits.queue,
        })
    }

    /// Texts that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The answers to texts, in order.
    ///
    /// # Errors
    /// 429: too many texts wait; 500: a text has no answer.
    pub async fn ask(&self, texts: Vec<Encoded>) -> Answers {
        let count = texts.len();
        let before = self.waiting.fetch_add(count, Ordering::Relaxed);
        if before + count > self.most {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            return Err(Failure::busy(format!(
                "{before} texts wait already; come again"
            )));
        }
        let (reply, answers) = oneshot::channel();
        let job = Job {
            texts,
            reply,
            since: Instant::now(),
        };
        let gone = || Failure::broken("the model's thread has ended");
        self.jobs.send(job).map_err(|_| gone())?;
        answers.await.map_err(|_| gone())?
    }
}

/// What the thread holds.
struct Batcher {
    engine: Arc<Engine>,
    incoming: Receiver<Job>,
    waiting: Arc<AtomicUsize>,
    batch: usize,
    wait: Duration,
    metrics: BatchMetrics,
}

impl Batcher {
    /// Answers batch after batch, until nobody can ask any more.
    fn run(self) {
        while let Ok(first) = self.incoming.recv() {
            let jobs = self.collect(first);
            if !jobs.is_empty() {
                self.answer(jobs);
            }
        }
    }

    /// The first and all that come until the batch is full or has waited long enough.
    fn collect(&self, first: Job) -> Vec<Job> {
        let end = Instant::now() + self.wait;
        let (mut jobs, mut texts) = (Vec::new(), 0);
        let mut next = Some(first);
        while let Some(job) = next {
            self.waiting.fetch_sub(job.texts.len(), Ordering::Relaxed);
            // Who has gone away in the meantime wants no answer.
            if !job.reply.is_closed() {
                texts += job.texts.len();
                jobs.push(job);
            }
            let left = end.saturating_duration_since(Instant::now());
            let room = texts < self.batch;
            next = room
                .then(|| self.incoming.recv_timeout(left).ok())
                .flatten();
        }
        jobs
    }

    fn answer(&self, jobs: Vec<Job>) {
        let start = Instant::now();
        let mut texts = Vec::new();
        let mut replies = Vec::with_capacity(jobs.len());
        for mut job in jobs {
            self.metrics.waited(start - job.since);
            let from = texts.len();
            texts.append(&mut job.texts);
            replies.push((from..texts.len(), job.reply));
        }
        let answers = self.classify(&texts);
        self.metrics.computed(texts.len(), start.elapsed());
        for (own, reply) in replies {
            let answer = match &answers {
                Ok(answers) => Ok(answers[own].to_vec()),
                // One of them has no answer: each is asked alone, so that nobody pays for another.
                Err(_) => self.classify(&texts[own]),
            };
            let _ = reply.send(answer);
        }
    }

    /// A bug in the engine must not end the thread that everybody waits for.
    fn classify(&self, texts: &[Encoded]) -> Answers {
        let classify = AssertUnwindSafe(|| self.engine.classify_encoded(texts));
        match catch_unwind(classify) {
            Ok(answers) => answers.map_err(|e| Failure::broken(e.to_string())),
            Err(_) => Err(Failure::broken("internal error: see the server's log")),
        }
    }
}
