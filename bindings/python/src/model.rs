//! A loaded model.

use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use act_infer::{Batch, Classification, Encoded, Encoding, Engine, Error, Result};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::error::exception;

/// Texts that are answered between two looks whether somebody pressed Ctrl-C.
const BETWEEN_SIGNALS: usize = 512;

/// Answers as arrays: classes `[n]`, labels that are given, probabilities and logits `[n, labels]`, uncut tokens
/// `[n]`. A regression has no probabilities: they are 0.
type Answers<'py> = (
    Bound<'py, PyArray1<usize>>,
    Bound<'py, PyArray2<bool>>,
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<usize>>,
);

/// A loaded model; threads may share it.
#[pyclass(frozen, module = "act_infer._native")]
pub struct Model {
    engine: Engine,
    /// The process that first computed on several threads, which a fork does not have; 0: none yet.
    process: AtomicU32,
}

#[pymethods]
impl Model {
    /// Maps a file.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, threads: usize) -> PyResult<Self> {
        Self::new(py, threads, || Engine::open(path))
    }

    /// Copies the bytes of a file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], threads: usize) -> PyResult<Self> {
        Self::new(py, threads, || Engine::from_bytes(data))
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.engine.task().labels.clone()
    }

    #[getter]
    fn task(&self) -> &str {
        &self.engine.task().name
    }

    #[getter]
    fn problem(&self) -> String {
        self.engine.task().problem.kind().to_string()
    }

    #[getter]
    fn max_tokens(&self) -> usize {
        self.engine.max_tokens()
    }

    #[getter]
    fn takes_pairs(&self) -> Option<bool> {
        self.engine.task().takes_pairs()
    }

    #[getter]
    fn threads(&self) -> usize {
        self.engine.threads()
    }

    #[getter]
    fn kernels(&self) -> &'static str {
        self.engine.kernels()
    }

    #[getter]
    fn precision(&self) -> String {
        self.engine.quant().precision().to_string()
    }

    #[getter]
    fn synthetic(&self) -> bool {
        self.engine.synthetic()
    }

    #[getter]
    fn head_trained(&self) -> Option<bool> {
        self.engine.task().head_trained
    }

    /// Answers texts, or pairs of texts and `pairs`, which are as many.
    #[pyo3(signature = (texts, pairs=None))]
    fn classify<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<PyBackedStr>,
        pairs: Option<Vec<PyBackedStr>>,
    ) -> PyResult<Answers<'py>> {
        let questions = questions(py, &texts, pairs.as_deref())?;
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(BETWEEN_SIGNALS) {
            answers.extend(self.run(py, |engine| engine.classify_encoded(&engine.encode(some)?))?);
            py.check_signals()?;
        }
        self.arrays(py, &answers)
    }

    /// Answers ids: sequences one after the other, of these lengths.
    fn classify_ids<'py>(
        &self,
        py: Python<'py>,
        input_ids: PyReadonlyArray1<'py, u32>,
        token_type_ids: PyReadonlyArray1<'py, u32>,
        lengths: Vec<usize>,
    ) -> PyResult<Answers<'py>> {
        let batch = Batch {
            input_ids: input_ids.as_slice()?.to_vec(),
            token_type_ids: token_type_ids.as_slice()?.to_vec(),
            lengths,
        };
        let encodings = split(&batch).map_err(|e| exception(py, &e))?;
        let mut answers = Vec::with_capacity(encodings.len());
        for some in encodings.chunks(BETWEEN_SIGNALS) {
            answers.extend(self.run(py, |engine| engine.classify_encodings(some))?);
            py.check_signals()?;
        }
        self.arrays(py, &answers)
    }

    /// Ids, segment ids and uncut number of tokens of each text or pair.
    #[pyo3(signature = (texts, pairs=None))]
    fn encode(
        &self,
        py: Python<'_>,
        texts: Vec<PyBackedStr>,
        pairs: Option<Vec<PyBackedStr>>,
    ) -> PyResult<Vec<(Vec<u32>, Vec<u32>, usize)>> {
        let questions = questions(py, &texts, pairs.as_deref())?;
        let encoded = self.run(py, |engine| engine.encode(&questions))?;
        let parts = |e: Encoded| (e.encoding.input_ids, e.encoding.token_type_ids, e.tokens);
        Ok(encoded.into_iter().map(parts).collect())
    }
}

impl Model {
    /// Loads, and builds the tokenizer, so that no question is the first to find it broken.
    fn new(
        py: Python<'_>,
        threads: usize,
        load: impl FnOnce() -> Result<Engine> + Send,
    ) -> PyResult<Self> {
        let loaded = py.detach(|| {
            let engine = load()?.with_threads(threads);
            engine.tokenizer()?;
            Ok(engine)
        });
        Ok(Self {
            engine: loaded.map_err(|e| exception(py, &e))?,
            process: AtomicU32::new(0),
        })
    }

    /// Works without Python's lock.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Engine) -> Result<T> + Send,
    ) -> PyResult<T> {
        let done = py.detach(|| {
            self.check_process()?;
            work(&self.engine)
        });
        done.map_err(|e| exception(py, &e))
    }

    /// Refuses a process that has the model but not its threads, and would wait for them for ever.
    fn check_process(&self) -> Result<()> {
        if self.engine.threads() == 1 {
            return Ok(());
        }
        let own = process::id();
        let first = self
            .process
            .compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed);
        match first {
            Err(first) if first != own => Err(Error::usage(
                "the model has answered on several threads before this process was forked, and they are not \
                 in it: open the model after the fork, or ask it nothing before, or give it threads=1",
            )),
            _ => Ok(()),
        }
    }

    fn arrays<'py>(&self, py: Python<'py>, answers: &[Classification]) -> PyResult<Answers<'py>> {
        let labels = self.engine.plan().num_labels;
        let shape = [answers.len(), labels];
        let rows = |of: fn(&Classification) -> &[f32]| {
            let mut flat = Vec::with_capacity(answers.len() * labels);
            for answer in answers {
                let start = flat.len();
                flat.extend_from_slice(of(answer));
                flat.resize(start + labels, 0.0);
            }
            PyArray1::from_vec(py, flat).reshape(shape)
        };
        let problem = &self.engine.task().problem;
        let mut given = vec![false; answers.len() * labels];
        for (answer, row) in answers.iter().zip(given.chunks_mut(labels.max(1))) {
            for &class in problem.answer(&answer.logits).classes() {
                row[class as usize] = true;
            }
        }
        Ok((
            PyArray1::from_iter(py, answers.iter().map(|a| a.class)),
            PyArray1::from_vec(py, given).reshape(shape)?,
            rows(|a| &a.probabilities)?,
            rows(|a| &a.logits)?,
            PyArray1::from_iter(py, answers.iter().map(|a| a.tokens)),
        ))
    }
}

fn questions<'a>(
    py: Python<'_>,
    texts: &'a [PyBackedStr],
    pairs: Option<&'a [PyBackedStr]>,
) -> PyResult<Vec<(&'a str, Option<&'a str>)>> {
    let Some(pairs) = pairs else {
        return Ok(texts.iter().map(|text| (&**text, None)).collect());
    };
    if texts.len() != pairs.len() {
        let message = format!("{} texts and {} pairs", texts.len(), pairs.len());
        return Err(exception(py, &Error::usage(message)));
    }
    let pairs = pairs.iter().map(|pair| Some(&**pair));
    Ok(texts.iter().map(|text| &**text).zip(pairs).collect())
}

/// The sequences of a batch.
fn split(batch: &Batch) -> Result<Vec<Encoding>> {
    let total = batch
        .lengths
        .iter()
        .try_fold(0usize, |n, &m| n.checked_add(m));
    if total != Some(batch.tokens()) || batch.token_type_ids.len() != batch.tokens() {
        return Err(Error::usage(format!(
            "{} token ids and {} segment ids do not fit the lengths",
            batch.tokens(),
            batch.token_type_ids.len()
        )));
    }
    let mut start = 0;
    let sequences = batch.lengths.iter().map(|&length| {
        let window = start..start + length;
        start = window.end;
        Encoding {
            input_ids: batch.input_ids[window.clone()].to_vec(),
            token_type_ids: batch.token_type_ids[window].to_vec(),
        }
    });
    Ok(sequences.collect())
}
