//! What may be asked, and who answers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::desk::{self, Desk, Text};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::metrics::{self, Metrics};
use crate::models::{Model, Models};
use crate::question::Question;
use crate::read::Reader;
use crate::{answer, tei};

/// Numbers of an answer from which on its JSON is written off the connections' thread.
const MANY_NUMBERS: usize = 4096;

/// All that requests share.
pub struct Service {
    /// What is served.
    pub models: Models,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The bounds.
    pub limits: Limits,
    desk: Desk,
    reader: Reader,
    /// Whether the server is about to end.
    ending: AtomicBool,
    /// Requests that are there whole and have no answer yet.
    open: AtomicUsize,
}

type Answer = Response<Full<Bytes>>;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Classify,
    Predict,
    Info,
    Health,
    Metrics,
}

impl Route {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/classify" => Some(Route::Classify),
            // What Hugging Face's own client asks is at the root.
            "/predict" | "/" => Some(Route::Predict),
            "/info" => Some(Route::Info),
            "/health" => Some(Route::Health),
            "/metrics" => Some(Route::Metrics),
            _ => None,
        }
    }

    /// The route, and the model that the path names: `/models/NAME/predict`.
    fn find(path: &str) -> Option<(Self, Option<&str>)> {
        let Some((name, _)) = path
            .strip_prefix("/models/")
            .and_then(|p| p.split_once('/'))
        else {
            return Some((Self::at(path)?, None));
        };
        let route = Self::at(&path["/models/".len() + name.len()..])?;
        let of_a_model = [Route::Classify, Route::Predict, Route::Info].contains(&route);
        of_a_model.then_some((route, Some(name)))
    }

    fn method(self) -> Method {
        match self {
            Route::Classify | Route::Predict => Method::POST,
            Route::Info | Route::Health | Route::Metrics => Method::GET,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Route::Classify => "/classify",
            Route::Predict => "/predict",
            Route::Info => "/info",
            Route::Health => "/health",
            Route::Metrics => "/metrics",
        }
    }
}

/// What one of the two ways of asking has asked for.
enum Form {
    Own,
    Tei(tei::Form),
}

impl Service {
    /// With models that are loaded.
    pub fn new(models: Models, metrics: Arc<Metrics>, limits: Limits, threads: usize) -> Self {
        Self {
            models,
            metrics,
            desk: Desk::new(threads),
            reader: Reader::new(limits.body, limits.client, limits.bodies()),
            limits,
            ending: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        }
    }

    /// From now on every answer ends its connection, and `/health` says 503.
    pub fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Requests that are there whole and have no answer yet.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The answer to a request, which is a failure's if there is no other.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let start = Instant::now();
        let path = request.uri().path().to_string();
        let route = Route::find(&path);
        let mut answer = match route {
            Some((route, model)) => self.clone().route(route, model, request).await,
            None => failed(&Failure::new(
                StatusCode::NOT_FOUND,
                "POST /classify or /predict; GET /health, /info or /metrics",
            )),
        };
        if self.ending.load(Ordering::SeqCst) {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        let name = route.map_or("other", |(route, _)| route.name());
        let (status, took) = (answer.status().as_u16(), start.elapsed());
        log::debug!("{name} {status} {:.1} ms", 1e3 * took.as_secs_f64());
        self.metrics.answered(name, status, took);
        answer
    }

    async fn route(
        self: Arc<Self>,
        route: Route,
        model: Option<&str>,
        request: Request<Incoming>,
    ) -> Answer {
        if request.method() != route.method() {
            let message = format!("{} {}", route.method(), route.name());
            let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, message);
            let mut answer = failed(&failure);
            if let Ok(method) = HeaderValue::from_str(route.method().as_str()) {
                answer.headers_mut().insert(ALLOW, method);
            }
            return answer;
        }
        let made = match route {
            Route::Classify | Route::Predict => self.texts(route, model, request).await,
            Route::Info => self.info(model),
            Route::Health => self.health(),
            Route::Metrics => self.count(),
        };
        made.unwrap_or_else(|failure| failed(&failure))
    }

    /// Texts in, answers out.
    async fn texts(
        self: Arc<Self>,
        route: Route,
        model: Option<&str>,
        request: Request<Incoming>,
    ) -> Result<Answer, Failure> {
        let body = self.reader.read(request.into_body()).await?;
        let _open = Open::new(&self.open);
        let (service, model) = (self.clone(), model.map(str::to_string));
        let bytes = body.bytes.len();
        let encode = move || {
            let (model, texts, form) = service.question(route, model.as_deref(), &body.bytes)?;
            drop(body);
            let most = service.limits.texts;
            if texts.len() > most {
                let message = format!("{} texts, at most {most} a request", texts.len());
                return Err(Failure::refused(message));
            }
            let encoded = desk::encode(&model.engine, &texts, service.limits.text)?;
            if let Form::Tei(form) = form {
                tei::check_length(&model.engine, &encoded, form)?;
            }
            Ok((model, encoded, form))
        };
        let (model, encoded, form) = self.desk.work(bytes, encode).await?;
        let numbers = encoded.len() * 2 * model.engine.plan().num_labels;
        let answers = if encoded.is_empty() {
            Vec::new()
        } else {
            model.queue.ask(encoded).await?
        };
        let write = move || match form {
            Form::Own => answer::json(&model.engine, &answers),
            Form::Tei(form) => tei::json(&model.engine, &answers, form),
        };
        let json = if numbers < MANY_NUMBERS {
            write()?
        } else {
            // As many bytes as numbers have digits.
            self.desk.work(12 * numbers, write).await?
        };
        Ok(answered(StatusCode::OK, json))
    }

    /// What a body asks of which model.
    fn question(
        &self,
        route: Route,
        in_path: Option<&str>,
        body: &[u8],
    ) -> Result<(Arc<Model>, Vec<Text>, Form), Failure> {
        let find = |in_body: Option<&str>| match (in_path, in_body) {
            (Some(a), Some(b)) if a != b => Err(Failure::refused(
                "the path and the field \"model\" name two models",
            )),
            _ => self.models.find(in_path.or(in_body)),
        };
        if route == Route::Classify {
            let question = Question::parse(body)?;
            let model = find(question.model.as_deref())?;
            return Ok((model, question.texts()?, Form::Own));
        }
        let request = tei::Request::parse(body)?;
        let model = find(request.model.as_deref())?;
        let (texts, form) = request.texts(&model.engine)?;
        Ok((model, texts, Form::Tei(form)))
    }

    /// As TEI tells what it serves; of several models each by its name.
    fn info(&self, model: Option<&str>) -> Result<Answer, Failure> {
        let all = self.models.all();
        let told = match (model, &*all) {
            (None, [only]) => self.info_of(only),
            (None, all) => {
                let each = all
                    .iter()
                    .map(|model| (model.name.clone(), self.info_of(model)));
                json!({"models": each.collect::<Map<String, Value>>()})
            }
            (name, _) => self.info_of(&*self.models.find(name)?),
        };
        Ok(answered(StatusCode::OK, told.to_string().into_bytes()))
    }

    fn info_of(&self, model: &Model) -> Value {
        let labels = || model.engine.task().labels.iter().enumerate();
        let id2label: Map<String, Value> = labels()
            .map(|(i, label)| (i.to_string(), label.as_str().into()))
            .collect();
        let label2id: Map<String, Value> = labels()
            .map(|(i, label)| (label.clone(), i.into()))
            .collect();
        json!({
            "model_id": model.name,
            "model_sha": model.digest,
            "model_dtype": model.engine.quant().precision(),
            "served_model_name": model.name,
            "model_type": {"classifier": {"id2label": id2label, "label2id": label2id}},
            "max_concurrent_requests": self.limits.queue,
            "max_input_length": model.engine.max_tokens(),
            "max_batch_tokens": self.limits.batch * model.engine.max_tokens(),
            "max_batch_requests": self.limits.batch,
            "max_client_batch_size": self.limits.texts,
            "auto_truncate": false,
            "tokenization_workers": self.desk.threads(),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    fn health(&self) -> Result<Answer, Failure> {
        if self.ending.load(Ordering::SeqCst) {
            return Err(Failure::ending());
        }
        let of = |model: &Arc<Model>| {
            let engine = &model.engine;
            json!({
                "task": engine.task().name,
                "labels": engine.task().labels,
                "precision": engine.quant().precision(),
                "kernels": engine.kernels(),
                "digest": model.digest,
            })
        };
        let told = match &*self.models.all() {
            [only] => of(only),
            all => {
                let each = all.iter().map(|model| (model.name.clone(), of(model)));
                json!({"models": each.collect::<Map<String, Value>>()})
            }
        };
        Ok(answered(StatusCode::OK, told.to_string().into_bytes()))
    }

    fn count(&self) -> Result<Answer, Failure> {
        for model in self.models.all() {
            self.metrics.waiting(&model.name, model.queue.waiting());
        }
        let text = self.metrics.text();
        let text = text.map_err(|e| Failure::broken(e.to_string()))?;
        Ok(response(
            StatusCode::OK,
            metrics::CONTENT_TYPE,
            text.into_bytes(),
        ))
    }
}

/// A request that is there whole, while it has no answer.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(open: &'a AtomicUsize) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn failed(failure: &Failure) -> Answer {
    let mut answer = answered(failure.status, failure.json());
    if failure.status == StatusCode::TOO_MANY_REQUESTS {
        let second = HeaderValue::from_static("1");
        answer.headers_mut().insert(RETRY_AFTER, second);
    }
    answer
}

fn answered(status: StatusCode, json: Vec<u8>) -> Answer {
    response(status, "application/json", json)
}

fn response(status: StatusCode, content: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let content = HeaderValue::from_static(content);
    answer.headers_mut().insert(CONTENT_TYPE, content);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_of_which_model() {
        for (path, found) in [
            ("/predict", Some((Route::Predict, None))),
            ("/", Some((Route::Predict, None))),
            ("/models/a/classify", Some((Route::Classify, Some("a")))),
            ("/models/a/info", Some((Route::Info, Some("a")))),
            ("/models/a/", Some((Route::Predict, Some("a")))),
            ("/models/a/health", None),
            ("/models/a", None),
            ("/models//x", None),
            ("/classify/", None),
        ] {
            assert_eq!(Route::find(path), found, "{path}");
        }
    }
}
