//! Questions: texts, pairs, token ids.

use std::ffi::{CStr, c_char};
use std::slice;

use act_infer::{Encoding, Error, Result};

use crate::answers::ActAnswers;
use crate::classifier::ActClassifier;
use crate::status::{ActStatus, Told, given};

/// Classifies `count` texts as one batch; several threads may call it at the same time.
///
/// `texts`, and `pairs` where it is not null, have `count` strings of UTF-8, each with an end. With `pairs`,
/// text and pair of the same place are classified together. A model that was made for pairs refuses single
/// texts, and one that was made for single texts refuses pairs (`act_takes`).
///
/// The arrays in `answers` are filled; after an error what is in them means nothing, and `error`
/// (`error_size` bytes, may be null) has one line that says why.
///
/// # Safety
/// `classifier` is open; the strings can be read, and the arrays in `answers` written, as said; so can
/// `error_size` bytes of `error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_classify(
    classifier: *const ActClassifier,
    texts: *const *const c_char,
    pairs: *const *const c_char,
    count: usize,
    answers: ActAnswers,
    error: *mut c_char,
    error_size: usize,
) -> ActStatus {
    // SAFETY: by this function's contract.
    let told = unsafe { Told::new(error, error_size) };
    told.call(|| {
        // SAFETY: not null, and open by this function's contract.
        let classifier = unsafe { &*given(classifier, "classifier")? };
        // SAFETY: by this function's contract.
        let texts = unsafe { strings(texts, count, "texts")? };
        let questions: Vec<(&str, Option<&str>)> = if pairs.is_null() {
            texts.into_iter().map(|text| (text, None)).collect()
        } else {
            // SAFETY: by this function's contract.
            let pairs = unsafe { strings(pairs, count, "pairs")? };
            let pairs = pairs.into_iter().map(Some);
            texts.into_iter().zip(pairs).collect()
        };
        let engine = &classifier.engine;
        let given = engine.classify_encoded(&engine.encode(&questions)?)?;
        // SAFETY: one answer a question, so by this function's contract.
        unsafe { classifier.write(&answers, &given) };
        Ok(())
    })
}

/// Classifies token ids, for callers with a tokenizer of their own: `count` sequences, one after the other
/// in `input_ids` without padding, of as many ids each as `lengths` says, special tokens included.
/// `token_type_ids` are as many, or null: all 0. An id of the pad token inside a sequence is masked.
/// The rest as of `act_classify`.
///
/// # Safety
/// `lengths` has `count` numbers, and the ids are as many as they add up to; the rest as of `act_classify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn act_classify_ids(
    classifier: *const ActClassifier,
    input_ids: *const u32,
    token_type_ids: *const u32,
    lengths: *const usize,
    count: usize,
    answers: ActAnswers,
    error: *mut c_char,
    error_size: usize,
) -> ActStatus {
    // SAFETY: by this function's contract.
    let told = unsafe { Told::new(error, error_size) };
    told.call(|| {
        // SAFETY: not null, and open by this function's contract.
        let classifier = unsafe { &*given(classifier, "classifier")? };
        // SAFETY: by this function's contract.
        let lengths = unsafe { array(lengths, count, "lengths")? };
        let total = lengths
            .iter()
            .try_fold(0usize, |sum, &n| sum.checked_add(n));
        let total = total.ok_or_else(|| Error::usage("the lengths add up to too many"))?;
        // SAFETY: by this function's contract.
        let ids = unsafe { array(input_ids, total, "input_ids")? };
        let types = if token_type_ids.is_null() {
            None
        } else {
            // SAFETY: by this function's contract.
            Some(unsafe { array(token_type_ids, total, "token_type_ids")? })
        };
        let mut start = 0;
        let encodings: Vec<Encoding> = lengths
            .iter()
            .map(|&length| {
                let window = start..start + length;
                start = window.end;
                Encoding {
                    input_ids: ids[window.clone()].to_vec(),
                    token_type_ids: types.map_or(vec![0; length], |t| t[window].to_vec()),
                }
            })
            .collect();
        let given = classifier.engine.classify_encodings(&encodings)?;
        // SAFETY: one answer a sequence, so by this function's contract.
        unsafe { classifier.write(&answers, &given) };
        Ok(())
    })
}

/// # Safety
/// `count` values can be read at `at`, if it is not null, for as long as the result is used.
unsafe fn array<'a, T>(at: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if count > isize::MAX as usize / size_of::<T>() {
        let message = format!("{what}: {count} are more than there can be");
        return Err(Error::usage(message));
    }
    // SAFETY: not null, and so many values by the contract, of a size that is possible.
    Ok(unsafe { slice::from_raw_parts(given(at, what)?, count) })
}

/// # Safety
/// `count` strings can be read at `at`, if it is not null, for as long as the result is used.
unsafe fn strings<'a>(at: *const *const c_char, count: usize, what: &str) -> Result<Vec<&'a str>> {
    // SAFETY: by the contract.
    let strings = unsafe { array(at, count, what)? };
    let string = |(i, &at): (usize, &*const c_char)| {
        let at = given(at, &format!("{what}[{i}]"))?;
        // SAFETY: not null, and a string with an end by the contract.
        let text = unsafe { CStr::from_ptr(at) };
        text.to_str()
            .map_err(|e| Error::usage(format!("{what}[{i}] is not UTF-8: {e}")))
    };
    strings.iter().enumerate().map(string).collect()
}
