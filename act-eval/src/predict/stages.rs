//! Reading, computing and writing at the same time: a thread reads lines and makes ids of them, one
//! computes, and whoever asks for the answers writes them. What lies between two of them is bounded, so
//! that memory does not grow with the input, and nobody waits for more than there is.
//!
//! The threads borrow nothing: one that waits for a line that never comes must not keep the program
//! from ending when nobody reads the answers any more.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};

use act_core::{Encoding, Error, Result};
use act_infer::Classification;

use super::input::{Question, Reader};
use super::source::Source;
use crate::model::Model;

/// Batches that wait between two threads.
const WAITING: usize = 2;

/// What became of a line.
pub struct Answer {
    /// What the model says.
    pub given: Classification,
    /// Tokens of the line uncut.
    pub whole: usize,
    /// The line's own `id`.
    pub id: Option<serde_json::Value>,
}

/// The threads at work.
pub struct Stages {
    answers: Receiver<Result<Vec<Answer>>>,
    /// The one that computes, whose end says that the one that reads has ended too, unless by a panic.
    threads: [JoinHandle<()>; 2],
}

impl Stages {
    /// Starts to answer lines, at most `most` together.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(model: Arc<Model>, reader: Reader, source: Source, most: usize) -> Result<Self> {
        let (ask, questions) = sync_channel(WAITING);
        let (answer, answers) = sync_channel(WAITING);
        let reading = thread("reading", move || read(reader, source, most, &ask))?;
        let computing = thread("computing", move || {
            compute(&model, most, &questions, &answer);
        })?;
        Ok(Self {
            answers,
            threads: [computing, reading],
        })
    }

    /// Shows the answers in the lines' order, those that were computed together.
    ///
    /// # Errors
    /// That of a bad line, after the answers to the lines before; those of the engine and of `see`.
    pub fn each(self, mut see: impl FnMut(Vec<Answer>) -> Result<()>) -> Result<()> {
        for answers in self.answers {
            see(answers?)?;
        }
        for thread in self.threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        Ok(())
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let started = Builder::new().name(name.into()).spawn(work);
    started.map_err(|e| Error::failed(format!("starting a thread: {e}")))
}

/// Sends questions as soon as `most` are there or the next line is not; at last what is wrong. Ends
/// early if nobody listens.
fn read(
    mut reader: Reader,
    mut source: Source,
    most: usize,
    questions: &SyncSender<Result<Vec<Question>>>,
) {
    let mut batch = Vec::new();
    let end = loop {
        match source.next(&mut reader) {
            Ok(Some(question)) => batch.extend(question),
            Ok(None) => break None,
            Err(bad) => break Some(bad),
        }
        let full = batch.len() == most || !source.ready();
        if full && !batch.is_empty() && questions.send(Ok(std::mem::take(&mut batch))).is_err() {
            return;
        }
    };
    // Who does not listen needs no error either.
    let _ = questions.send(Ok(batch));
    if let Some(bad) = end {
        let _ = questions.send(Err(bad));
    }
}

/// Answers questions, those together that have come while others were computed.
fn compute(
    model: &Model,
    most: usize,
    questions: &Receiver<Result<Vec<Question>>>,
    answers: &SyncSender<Result<Vec<Answer>>>,
) {
    let (mut waiting, mut end) = (Vec::new(), None);
    loop {
        while waiting.len() < most && end.is_none() {
            let next = if waiting.is_empty() {
                questions.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                questions.try_recv()
            };
            match next {
                Ok(Ok(more)) => waiting.extend(more),
                Ok(Err(bad)) => end = Some(Err(bad)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => end = Some(Ok(())),
            }
        }
        if waiting.is_empty() {
            break;
        }
        let batch = waiting.drain(..waiting.len().min(most));
        let answered = answer(model, batch);
        let ended = answered.is_err();
        if answers.send(answered).is_err() || ended {
            return;
        }
    }
    if let Some(Err(bad)) = end {
        // Who does not listen needs no error either.
        let _ = answers.send(Err(bad));
    }
}

fn answer(model: &Model, batch: impl Iterator<Item = Question>) -> Result<Vec<Answer>> {
    let parts = batch.map(|q| (q.encoding, (q.whole, q.id)));
    let (encodings, others): (Vec<Encoding>, Vec<_>) = parts.unzip();
    let given = model.engine.classify_encodings(&encodings)?;
    let answers = given.into_iter().zip(others);
    let answers = answers.map(|(given, (whole, id))| Answer { given, whole, id });
    Ok(answers.collect())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use act_core::testing::{TinyOptions, tiny_artifact};

    use super::*;
    use crate::predict::input::LineFormat;
    use crate::predict::lines::Lines;

    /// `花\n` for ever, a line at a time.
    struct Endless(Arc<AtomicUsize>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let line = "花\n".as_bytes();
            buffer[..line.len()].copy_from_slice(line);
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(line.len())
        }
    }

    fn model() -> Arc<Model> {
        let mut artifact = tiny_artifact(1, &TinyOptions::default());
        artifact.task.name = "tnews".into();
        Arc::new(Model::new(artifact, "tiny", 1).unwrap())
    }

    #[test]
    fn lines_are_read_only_a_few_batches_ahead_of_the_answers() {
        let (model, read) = (model(), Arc::new(AtomicUsize::new(0)));
        let reader = Reader::new(&model, LineFormat::Text).unwrap();
        let lines = Lines::new(Endless(read.clone()), "endless");
        let (mut seen, mut most) = (0, 0);
        let ended = Stages::start(model, reader, Source::Lines(lines), 4)
            .unwrap()
            .each(|answers| {
                seen += answers.len();
                // Time to run ahead, if nothing kept it from that.
                std::thread::sleep(std::time::Duration::from_millis(5));
                most = most.max(read.load(Ordering::SeqCst) - seen);
                if seen < 100 {
                    Ok(())
                } else {
                    Err(Error::usage("enough"))
                }
            });
        assert_eq!(ended.unwrap_err().to_string(), "enough");
        assert!(most <= 4 * (2 * WAITING + 4), "{most} lines ahead");
    }
}
