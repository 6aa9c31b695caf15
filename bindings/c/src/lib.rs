//! act's classifiers as a C library: what `include/act.h` declares.
//!
//! Every function checks what it can (null, UTF-8, sizes), tells what is wrong by its status and in the
//! caller's own buffer, and lets no panic out. The header is made from these files; a test holds it
//! current.

mod answers;
mod classifier;
mod classify;
mod status;

pub use answers::{ActAnswers, ActProblem};
pub use classifier::{
    ActClassifier, act_close, act_label, act_labels, act_max_tokens, act_open, act_open_bytes,
    act_problem_of, act_takes, act_version,
};
pub use classify::{act_classify, act_classify_ids};
pub use status::ActStatus;
