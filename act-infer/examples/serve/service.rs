//! The service behind the HTTP example: requests in, batches through the engine, answers out.
//!
//! Requests that come within a few milliseconds of each other share one batch, which costs the
//! first of them those milliseconds and all of them less computing. A batch computes no padding and
//! an answer depends on its own text alone, so nobody can tell with whom they were batched. A full
//! queue is said at once (503) and not waited for.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use act_infer::{Classification, Encoded, Engine};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

/// Bounds of the service.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a batch waits for company.
    pub window: Duration,
    /// Sequences at which a batch goes at once.
    pub batch: usize,
    /// Sequences in one request.
    pub request: usize,
    /// Requests that may wait.
    pub queue: usize,
    /// Bytes of a request.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(2),
            batch: 32,
            request: 128,
            queue: 256,
            body: 1 << 20,
        }
    }
}

/// A request on its way to the engine.
struct Job {
    texts: Vec<Encoded>,
    reply: oneshot::Sender<Result<Vec<Classification>, String>>,
}

#[derive(Clone)]
struct Service {
    engine: Arc<Engine>,
    limits: Limits,
    queue: SyncSender<Job>,
}

/// `{"texts": [..]}` or `{"pairs": [[a, b], ..]}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    texts: Option<Vec<String>>,
    pairs: Option<Vec<(String, String)>>,
}

#[derive(Serialize)]
struct Answers<'a> {
    answers: Vec<Answer<'a>>,
}

/// The fields of `act-eval predict`; and that the text was cut, where it was.
#[derive(Serialize)]
struct Answer<'a> {
    label: &'a str,
    /// Of several labels those that the text is given.
    labels: &'a [String],
    /// Of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    probabilities: &'a [f32],
    logits: &'a [f32],
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
}

/// `{"tokens": 300, "read": 128}`.
#[derive(Serialize)]
struct Cut {
    tokens: usize,
    read: usize,
}

/// What went wrong, as the status and the JSON that say so.
struct Failure(StatusCode, String);

/// The routes, and the thread that batches: it ends when the last copy of the routes is dropped.
pub fn service(engine: Engine, limits: Limits) -> (Router, JoinHandle<()>) {
    let engine = Arc::new(engine);
    let (queue, waiting) = sync_channel(limits.queue);
    let batching = engine.clone();
    let batcher = thread::spawn(move || batch(&batching, &waiting, limits));
    let service = Service {
        engine,
        limits,
        queue,
    };
    let unknown = || async { Failure(StatusCode::NOT_FOUND, "try POST /classify".into()) };
    let wrong = || async {
        let message = "POST /classify, GET /health";
        Failure(StatusCode::METHOD_NOT_ALLOWED, message.into())
    };
    let routes = Router::new()
        .route("/classify", post(classify))
        .route("/health", get(health))
        .method_not_allowed_fallback(wrong)
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(limits.body))
        .with_state(service);
    (routes, batcher)
}

async fn health(State(service): State<Service>) -> Response {
    let engine = &service.engine;
    answer(json!({
        "task": engine.task().name,
        "labels": engine.task().labels,
        "precision": engine.quant().precision(),
        "kernels": engine.kernels(),
    }))
}

async fn classify(
    State(service): State<Service>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = body.map_err(|e| Failure(e.status(), e.body_text()))?;
    let question: Question = serde_json::from_slice(&body).map_err(|e| refused(e.to_string()))?;
    // A long text takes as long as a batch does: not on the thread that everybody waits for.
    let encoding = service.clone();
    let texts = tokio::task::spawn_blocking(move || encoding.encode(question));
    let failed =
        |e: tokio::task::JoinError| Failure(StatusCode::INTERNAL_SERVER_ERROR, e.to_string());
    let texts = texts.await.map_err(failed)??;
    let (reply, answers) = oneshot::channel();
    let job = Job { texts, reply };
    service.queue.try_send(job).map_err(|e| match e {
        TrySendError::Full(_) => busy("too many requests are waiting"),
        TrySendError::Disconnected(_) => busy("shutting down"),
    })?;
    let answers = answers.await.map_err(|_| busy("shutting down"))?;
    let answers = answers.map_err(|e| Failure(StatusCode::INTERNAL_SERVER_ERROR, e))?;
    let read = service.engine.max_tokens();
    let answers = answers.iter().map(|a| Answer {
        label: &a.label,
        labels: &a.labels,
        score: a.score,
        probabilities: &a.probabilities,
        logits: &a.logits,
        cut: (a.tokens > read).then_some(Cut {
            tokens: a.tokens,
            read,
        }),
    });
    Ok(answer(Answers {
        answers: answers.collect(),
    }))
}

impl Service {
    /// Token ids of what is asked.
    fn encode(&self, question: Question) -> Result<Vec<Encoded>, Failure> {
        let pairs: Vec<(String, Option<String>)> = match question {
            Question {
                texts: Some(texts),
                pairs: None,
            } => texts.into_iter().map(|text| (text, None)).collect(),
            Question {
                texts: None,
                pairs: Some(pairs),
            } => pairs.into_iter().map(|(a, b)| (a, Some(b))).collect(),
            _ => return Err(refused("give either \"texts\" or \"pairs\"".into())),
        };
        let most = self.limits.request;
        if pairs.len() > most {
            let given = pairs.len();
            return Err(refused(format!("{given} texts, at most {most} a request")));
        }
        let texts: Vec<_> = pairs.iter().map(|(a, b)| (&**a, b.as_deref())).collect();
        let encoded = self.engine.encode(&texts);
        encoded.map_err(|e| refused(e.to_string()))
    }
}

/// Collects requests for a window's time and answers them together, until nobody can ask any more.
fn batch(engine: &Engine, waiting: &Receiver<Job>, limits: Limits) {
    while let Ok(first) = waiting.recv() {
        let end = Instant::now() + limits.window;
        let mut texts = Vec::new();
        let mut replies = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            let start = texts.len();
            texts.extend(job.texts);
            replies.push((start..texts.len(), job.reply));
            let left = end.saturating_duration_since(Instant::now());
            let room = texts.len() < limits.batch;
            next = room.then(|| waiting.recv_timeout(left).ok()).flatten();
        }
        let answers = engine.classify_encoded(&texts);
        for (own, reply) in replies {
            let answer = match &answers {
                Ok(answers) => Ok(answers[own].to_vec()),
                // One of them has no answer: each is asked alone, so that nobody pays for another.
                Err(_) => engine.classify_encoded(&texts[own]),
            };
            // Who has gone away in the meantime wants no answer.
            let _ = reply.send(answer.map_err(|e| e.to_string()));
        }
    }
}

fn answer(value: impl Serialize) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(&value) {
        Ok(text) => (json, text).into_response(),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}

fn refused(message: String) -> Failure {
    Failure(StatusCode::BAD_REQUEST, message)
}

fn busy(message: &str) -> Failure {
    Failure(StatusCode::SERVICE_UNAVAILABLE, message.into())
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, answer(json!({"error": self.1}))).into_response()
    }
}
