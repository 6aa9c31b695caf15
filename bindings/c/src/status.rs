//! How a call ends: its status, and one line of text in the caller's buffer. No panic leaves.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use act_infer::{Error, ErrorKind, Result};

/// How a call ended. The numbers are the exit codes of act's programs.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActStatus {
    /// Done.
    Ok = 0,
    /// The work itself failed: out of memory, a model whose scores are not finite, a fault of act.
    Failed = 1,
    /// The caller's to mend: no such file, a null pointer, text that is not UTF-8, one text where the
    /// model takes two, an id that the model does not know.
    Usage = 2,
    /// The file is no model, is damaged, or is of a newer version.
    Rejected = 3,
}

/// Where the caller wants to read what went wrong.
pub struct Told {
    at: *mut c_char,
    size: usize,
}

impl Told {
    /// # Safety
    /// `at` is null, or `size` bytes there may be written.
    pub unsafe fn new(at: *mut c_char, size: usize) -> Self {
        Self { at, size }
    }

    /// Does the work, and tells how it ended; on success the text is empty.
    pub fn call(self, work: impl FnOnce() -> Result<()>) -> ActStatus {
        // Nothing of a call that panicked is seen again but the engine, which callers share between
        // threads in any case and which keeps nothing half done behind a lock.
        let ended = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let text = text.unwrap_or("no reason given");
            Err(Error::failed(format!("a fault of act: {text}")))
        });
        let (status, text) = match ended {
            Ok(()) => (ActStatus::Ok, String::new()),
            Err(error) => (status(error.kind()), line(&error)),
        };
        self.write(&text);
        status
    }

    /// The text as far as there is room, cut before a character, always with an end.
    fn write(self, text: &str) {
        if self.at.is_null() || self.size == 0 {
            return;
        }
        let text = text.split('\0').next().unwrap_or_default();
        let mut length = text.len().min(self.size - 1);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        // SAFETY: `length` is less than `size`, and so many bytes may be written by the contract of
        // `new`; `text` is memory of our own, so the two do not overlap.
        unsafe {
            self.at
                .copy_from_nonoverlapping(text.as_ptr().cast(), length);
            self.at.add(length).write(0);
        }
    }
}

fn status(kind: ErrorKind) -> ActStatus {
    match kind {
        ErrorKind::Usage => ActStatus::Usage,
        ErrorKind::Rejected => ActStatus::Rejected,
        ErrorKind::Failed | ErrorKind::Interrupted => ActStatus::Failed,
    }
}

/// The error and its causes in one line.
fn line(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}

/// Refuses a null pointer.
pub fn given<T>(pointer: *const T, what: &str) -> Result<*const T> {
    if pointer.is_null() {
        return Err(Error::usage(format!("{what} is a null pointer")));
    }
    Ok(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn call(size: usize, work: impl FnOnce() -> Result<()>) -> (ActStatus, String) {
        let mut buffer = vec![b'x' as c_char; size];
        // SAFETY: the buffer has `size` bytes.
        let status = unsafe { Told::new(buffer.as_mut_ptr(), size) }.call(work);
        // SAFETY: a text with its end was written.
        let text = unsafe { CStr::from_ptr(buffer.as_ptr()) };
        (status, text.to_str().expect("UTF-8").to_string())
    }

    #[test]
    fn a_panic_becomes_a_status_and_a_line() {
        let (status, text) = call(100, || panic!("three {}", "apples"));
        assert_eq!(status, ActStatus::Failed);
        assert_eq!(text, "a fault of act: three apples");
    }

    #[test]
    fn a_text_is_cut_before_a_character_and_always_ends() {
        let told = |size| call(size, || Err(Error::usage("ab花")));
        assert_eq!(told(6), (ActStatus::Usage, "ab花".into()));
        assert_eq!(told(5).1, "ab");
        assert_eq!(told(1).1, "");
        assert_eq!(call(9, || Ok(())), (ActStatus::Ok, String::new()));
        // SAFETY: null may be given.
        let nowhere = unsafe { Told::new(std::ptr::null_mut(), 7) };
        assert_eq!(
            nowhere.call(|| Err(Error::rejected("x"))),
            ActStatus::Rejected
        );
    }
}
