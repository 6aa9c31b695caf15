//! What is counted, and how Prometheus reads it.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The text format that [`Metrics::text`] has.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModel {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Loaded {
    model: String,
    task: String,
    precision: String,
    digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloaded {
    model: String,
    outcome: &'static str,
}

/// All of it.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    connections: Gauge,
    models: Family<Loaded, Gauge<i64, AtomicI64>>,
    reloads: Family<Reloaded, Counter>,
    waiting: Family<OfModel, Gauge>,
    texts: Family<OfModel, Counter>,
    batches: Family<OfModel, Histogram, fn() -> Histogram>,
    waited: Family<OfModel, Histogram, fn() -> Histogram>,
    computed: Family<OfModel, Histogram, fn() -> Histogram>,
}

/// What the batches of one model count.
#[derive(Debug, Clone)]
pub struct BatchMetrics {
    texts: Counter,
    sizes: Histogram,
    waited: Histogram,
    computed: Histogram,
}

/// From 0.25 ms to 8 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 16))
}

/// From 1 to 256 texts.
fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 9))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("act"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            connections: Gauge::default(),
            models: Family::default(),
            reloads: Family::default(),
            waiting: Family::default(),
            texts: Family::default(),
            batches: Family::new_with_constructor(sizes),
            waited: Family::new_with_constructor(seconds),
            computed: Family::new_with_constructor(seconds),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("requests", "Requests answered", self.requests.clone());
        let name = "request_duration";
        let help = "From the header to the answer";
        to.register_with_unit(name, help, Unit::Seconds, self.seconds.clone());
        to.register("connections", "Open now", self.connections.clone());
        to.register("model", "Models that answer now", self.models.clone());
        to.register("reloads", "Files read again", self.reloads.clone());
        to.register("waiting_texts", "Texts that wait now", self.waiting.clone());
        to.register("texts", "Texts answered", self.texts.clone());
        to.register("batch_texts", "Texts of a batch", self.batches.clone());
        let help = "From a request's ids to its batch";
        to.register_with_unit("batch_wait", help, Unit::Seconds, self.waited.clone());
        let help = "A batch in the engine";
        to.register_with_unit("batch_duration", help, Unit::Seconds, self.computed.clone());
    }

    /// A request was answered.
    pub fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests
            .get_or_create(&Answered { route, status })
            .inc();
        let seconds = self.seconds.get_or_create(&Route { route });
        seconds.observe(took.as_secs_f64());
    }

    /// So many connections more are open.
    pub fn connected(&self, more: i64) {
        self.connections.inc_by(more);
    }

    /// So many texts wait for a model.
    pub fn waiting(&self, model: &str, texts: usize) {
        let model = model.to_string();
        let gauge = self.waiting.get_or_create(&OfModel { model });
        gauge.set(texts as i64);
    }

    /// The models that answer from now on: name, task, precision and digest of each.
    pub fn loaded<'a>(&self, models: impl Iterator<Item = [&'a str; 4]>) {
        self.models.clear();
        for [model, task, precision, digest] in models {
            let loaded = Loaded {
                model: model.into(),
                task: task.into(),
                precision: precision.into(),
                digest: digest.into(),
            };
            self.models.get_or_create(&loaded).set(1);
        }
    }

    /// A file was read again.
    pub fn reloaded(&self, model: &str, outcome: &'static str) {
        let model = model.to_string();
        self.reloads
            .get_or_create(&Reloaded { model, outcome })
            .inc();
    }

    /// The counters of one model's batches.
    pub fn of_model(&self, model: &str) -> BatchMetrics {
        let of = OfModel {
            model: model.into(),
        };
        BatchMetrics {
            texts: self.texts.get_or_create(&of).clone(),
            sizes: self.batches.get_or_create(&of).clone(),
            waited: self.waited.get_or_create(&of).clone(),
            computed: self.computed.get_or_create(&of).clone(),
        }
    }

    /// All of it as text.
    ///
    /// # Errors
    /// None that is known: a `String` takes what is written into it.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl BatchMetrics {
    /// A request has waited so long for its batch.
    pub fn waited(&self, time: Duration) {
        self.waited.observe(time.as_secs_f64());
    }

    /// A batch of so many texts took so long.
    pub fn computed(&self, texts: usize, time: Duration) {
        self.texts.inc_by(texts as u64);
        self.sizes.observe(texts as f64);
        self.computed.observe(time.as_secs_f64());
    }
}
