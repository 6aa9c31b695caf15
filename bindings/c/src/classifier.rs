//! A model: opened, asked what it is, closed.

use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;
use std::slice;

use act_infer::{Classification, Engine, Error, Result};

use crate::answers::{ActAnswers, ActProblem};
use crate::status::{ActStatus, Told, given};

/// A loaded model. Any number of threads may share one; only `act_close` must be the last.
pub struct ActClassifier {
    pub(crate) engine: Engine,
    labels: Vec<CString>,
}

impl ActClassifier {
    /// Makes ids of an empty text, so that a tokenizer that cannot be built is refused here and not by
    /// the first question.
    fn new(engine: Engine) -> Result<Self> {
        engine.tokenizer()?;
        let c_string = |label: &String| {
            CString::new(label.as_bytes())
                .map_err(|_| Error::rejected(format!("label {label:?} has a NUL in it")))
        };
        let labels: Result<_> = engine.task().labels.iter().map(c_string).collect();
        Ok(Self {
            labels: labels?,
            engine,
        })
    }

    /// Classes, each a column of the answers.
    pub(crate) fn classes(&self) -> usize {
        self.engine.plan().num_labels
    }

    /// Writes answers of this model.
    ///
    /// # Safety
    /// As of [`ActAnswers::write`], for `classes()` classes.
    pub(crate) unsafe fn write(&self, to: &ActAnswers, answers: &[Classification]) {
        // SAFETY: by the contract.
        unsafe { to.write(answers, self.classes(), &self.engine.task().problem) };
    }
}

/// The version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn act_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Opens an `.act` file, checks it whole and loads it. The file must not be changed in place while the
/// model is open; replacing it by another (rename) is fine.
///
/// `threads`: on how many threads a call is computed; 1 is the caller's own, 0 every core that the process
/// may use. Answers do not depend on it. With more than one, open the model after `fork`, not before.
///
/// On success `*classifier` is the model, to be closed by `act_close`; otherwise it is null, and `error`
/// (`error_size` bytes, may be null) has one line that says why.
///
/// # Safety
/// `path` is a string with an end, `classifier` may be written, and so may `error_size` bytes of `error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_open(
    path: *const c_char,
    threads: usize,
    classifier: *mut *mut ActClassifier,
    error: *mut c_char,
    error_size: usize,
) -> ActStatus {
    // SAFETY: by this function's contract.
    let told = unsafe { Told::new(error, error_size) };
    told.call(|| {
        // SAFETY: by this function's contract.
        let place = unsafe { Place::new(classifier)? };
        // SAFETY: not null, and a string by this function's contract.
        let path = unsafe { CStr::from_ptr(given(path, "path")?) };
        place.open(Engine::open(path_of(path)?)?, threads)
    })
}

/// As `act_open`, of the bytes of such a file, which are copied.
///
/// # Safety
/// `size` bytes can be read at `bytes`; the rest as of `act_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_open_bytes(
    bytes: *const u8,
    size: usize,
    threads: usize,
    classifier: *mut *mut ActClassifier,
    error: *mut c_char,
    error_size: usize,
) -> ActStatus {
    // SAFETY: by this function's contract.
    let told = unsafe { Told::new(error, error_size) };
    told.call(|| {
        // SAFETY: by this function's contract.
        let place = unsafe { Place::new(classifier)? };
        let bytes = given(bytes, "bytes")?;
        if size > isize::MAX as usize {
            return Err(Error::usage(format!(
                "{size} bytes are more than there can be"
            )));
        }
        // SAFETY: not null, and `size` readable bytes by this function's contract.
        let bytes = unsafe { slice::from_raw_parts(bytes, size) };
        place.open(Engine::from_bytes(bytes)?, threads)
    })
}

/// Closes a model; null is passed over. No other call may use it then or later.
///
/// # Safety
/// `classifier` is null or comes from `act_open` and was not closed, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_close(classifier: *mut ActClassifier) {
    if classifier.is_null() {
        return;
    }
    // SAFETY: made by `Box::into_raw` in `Place::open`, and ours alone by this function's contract.
    let classifier = unsafe { Box::from_raw(classifier) };
    // SAFETY: nothing is to be written.
    let told = unsafe { Told::new(std::ptr::null_mut(), 0) };
    // Its threads end here; nobody is left to be told if that goes wrong.
    let _ = told.call(|| {
        drop(classifier);
        Ok(())
    });
}

/// Number of classes: columns of an answer. 0 for null.
///
/// # Safety
/// `classifier` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_labels(classifier: *const ActClassifier) -> usize {
    // SAFETY: by this function's contract.
    unsafe { classifier.as_ref() }.map_or(0, ActClassifier::classes)
}

/// Name of a class, UTF-8, as long as the model is open; null if there is no such class.
///
/// # Safety
/// `classifier` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_label(
    classifier: *const ActClassifier,
    class_index: usize,
) -> *const c_char {
    // SAFETY: by this function's contract.
    let classifier = unsafe { classifier.as_ref() };
    let label = classifier.and_then(|c| c.labels.get(class_index));
    label.map_or(std::ptr::null(), |label| label.as_ptr())
}

/// Tokens at which a text or a pair is cut, special tokens counted. 0 for null.
///
/// # Safety
/// `classifier` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_max_tokens(classifier: *const ActClassifier) -> usize {
    // SAFETY: by this function's contract.
    unsafe { classifier.as_ref() }.map_or(0, |c| c.engine.max_tokens())
}

/// How many texts the model takes at a time: 1, 2 (a pair), or 0 where nobody has recorded it and both
/// are answered.
///
/// # Safety
/// `classifier` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_takes(classifier: *const ActClassifier) -> usize {
    // SAFETY: by this function's contract.
    let classifier = unsafe { classifier.as_ref() };
    match classifier.and_then(|c| c.engine.task().takes_pairs()) {
        Some(pairs) => 1 + usize::from(pairs),
        None => 0,
    }
}

/// What the model's answers are: one label a text, any number of them, or a score. `SingleLabel` for null.
///
/// # Safety
/// `classifier` is null or open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_problem_of(classifier: *const ActClassifier) -> ActProblem {
    // SAFETY: by this function's contract.
    let classifier = unsafe { classifier.as_ref() };
    classifier.map_or(ActProblem::SingleLabel, |c| {
        c.engine.task().problem.kind().into()
    })
}

/// Where the caller wants the model.
struct Place(*mut *mut ActClassifier);

impl Place {
    /// Null first, so that a caller who overlooks the status holds nothing.
    ///
    /// # Safety
    /// `place` is null or may be written.
    unsafe fn new(place: *mut *mut ActClassifier) -> Result<Self> {
        given(place, "classifier")?;
        // SAFETY: not null, and may be written by the contract.
        unsafe { place.write(std::ptr::null_mut()) };
        Ok(Self(place))
    }

    fn open(self, engine: Engine, threads: usize) -> Result<()> {
        let classifier = ActClassifier::new(engine.with_threads(threads))?;
        // SAFETY: may be written by the contract of `new`.
        unsafe { self.0.write(Box::into_raw(Box::new(classifier))) };
        Ok(())
    }
}

#[cfg(unix)]
fn path_of(path: &CStr) -> Result<PathBuf> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    Ok(OsStr::from_bytes(path.to_bytes()).into())
}

#[cfg(not(unix))]
fn path_of(path: &CStr) -> Result<PathBuf> {
    let path = path.to_str();
    path.map(PathBuf::from)
        .map_err(|_| Error::usage("path is not UTF-8"))
}
