//! The models that are served, and how they are replaced while they are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use act_core::{Artifact, Error, Result};
use act_infer::Engine;

use crate::batch::Queue;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::metrics::Metrics;

/// A loaded model. Requests hold it while they are answered, so a model that was replaced goes with
/// the last of its requests.
pub struct Model {
    /// What it is asked for by.
    pub name: String,
    /// Digest of everything but provenance.
    pub digest: String,
    /// The engine, with its tokenizer built.
    pub engine: Arc<Engine>,
    /// The way to it.
    pub queue: Queue,
}

struct Slot {
    name: String,
    path: PathBuf,
    current: RwLock<Arc<Model>>,
}

/// All of them.
pub struct Models {
    slots: Vec<Slot>,
    loader: Loader,
}

struct Loader {
    threads: usize,
    limits: Limits,
    metrics: Arc<Metrics>,
}

impl Models {
    /// Loads every file.
    ///
    /// # Errors
    /// Those of the first that cannot be served.
    pub fn load(
        files: Vec<(String, PathBuf)>,
        threads: usize,
        limits: Limits,
        metrics: Arc<Metrics>,
    ) -> Result<Self> {
        let loader = Loader {
            threads,
            limits,
            metrics,
        };
        let load = |(name, path): (String, PathBuf)| {
            let model = loader.load(&name, &path)?;
            Ok(Slot {
                current: RwLock::new(Arc::new(model)),
                name,
                path,
            })
        };
        let slots = files.into_iter().map(load).collect::<Result<_>>()?;
        let models = Self { slots, loader };
        models.tell();
        Ok(models)
    }

    /// The model of a name; of one model alone without it.
    ///
    /// # Errors
    /// 404: there is none of that name; 400: there are several, and none is named.
    pub fn find(&self, name: Option<&str>) -> std::result::Result<Arc<Model>, Failure> {
        let slot = match (name, &*self.slots) {
            (Some(name), slots) => slots.iter().find(|slot| slot.name == name),
            (None, [only]) => Some(only),
            (None, _) => {
                return Err(Failure::refused(format!(
                    "which model: one of {}, by /models/NAME/ before the path or a field \"model\"",
                    self.names()
                )));
            }
        };
        let unknown = || {
            let message = format!("there is no such model; there are {}", self.names());
            Failure::new(hyper::StatusCode::NOT_FOUND, message)
        };
        slot.map(Slot::get).ok_or_else(unknown)
    }

    /// All that answer now.
    pub fn all(&self) -> Vec<Arc<Model>> {
        self.slots.iter().map(Slot::get).collect()
    }

    /// Reads every file again. A model whose file has changed is replaced at once for all requests
    /// that come from then on; one whose file cannot be served stays, and the log says why.
    pub fn reload(&self) {
        for slot in &self.slots {
            let outcome = self.reload_one(slot);
            self.loader.metrics.reloaded(&slot.name, outcome);
        }
        self.tell();
    }

    fn reload_one(&self, slot: &Slot) -> &'static str {
        let name = &slot.name;
        let old = slot.get();
        match self.loader.load(name, &slot.path) {
            Err(error) => {
                log::warn!("{name} stays as it is: {:#}", anyhow::Error::from(error));
                "failed"
            }
            Ok(new) if new.digest == old.digest => {
                log::info!("{name} is unchanged");
                "unchanged"
            }
            Ok(new) => {
                let [from, to] = [&old.digest, &new.digest].map(|digest| short(digest));
                log::info!("{name} is model {to} from now on, and was {from}");
                if old.engine.task().labels != new.engine.task().labels {
                    log::warn!("{name} has other labels than before");
                }
                slot.put(new);
                "replaced"
            }
        }
    }

    /// Tells the metrics which models answer.
    fn tell(&self) {
        let models = self.all();
        let told = models.iter().map(|model| {
            let precision = model.engine.quant().precision();
            let task = &*model.engine.task().name;
            [&*model.name, task, precision, &*model.digest]
        });
        self.loader.metrics.loaded(told);
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.slots.iter().map(|slot| &*slot.name).collect();
        names.join(", ")
    }
}

/// What of a digest is enough for people.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

impl Slot {
    /// A poisoned lock holds a whole model all the same.
    fn get(&self) -> Arc<Model> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, model: Model) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(model);
    }
}

impl Loader {
    fn load(&self, name: &str, path: &Path) -> Result<Model> {
        let (engine, digest) = self.engine(path)?;
        let metrics = self.metrics.of_model(name);
        let queue = Queue::new(engine.clone(), &self.limits, metrics);
        Ok(Model {
            name: name.into(),
            digest,
            engine,
            queue: queue.map_err(|e| Error::failed(format!("no thread for {name}: {e}")))?,
        })
    }

    /// Reads a file whole, and does not map it: whoever writes over it in place changes no answer.
    fn engine(&self, path: &Path) -> Result<(Arc<Engine>, String)> {
        let io = |e| Error::io(path, e);
        let at = |e: Error| e.context(path.display());
        let found = std::fs::metadata(path).map_err(io)?;
        if !found.is_file() {
            return Err(at(Error::usage(
                "is no file; a model is read again on SIGHUP, so it must be one",
            )));
        }
        let artifact = Artifact::read(File::open(path).map_err(io)?).map_err(at)?;
        let digest = artifact.model_digest()?.to_string();
        let engine = Engine::new(artifact).and_then(|engine| self.ready(engine));
        Ok((engine.map_err(at)?, digest))
    }

    /// An engine that has answered once: what it makes at the first question is made, and a model
    /// that cannot answer is told before anybody asks.
    fn ready(&self, engine: Engine) -> Result<Arc<Engine>> {
        let engine = engine.with_threads(self.threads);
        let pair = engine.task().takes_pairs() == Some(true);
        let text = engine.encode(&[("1", pair.then_some("1"))])?;
        engine.classify_encoded(&text)?;
        if engine.task().head_trained == Some(false) {
            log::warn!("the head was never trained (act-distill): its answers are chance");
        }
        Ok(Arc::new(engine))
    }
}
