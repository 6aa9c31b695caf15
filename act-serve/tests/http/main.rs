//! The program over real sockets and by real signals.
#![cfg(unix)]

mod abuse;
mod answers;
mod life;
mod requests;
mod support;
mod tei;
