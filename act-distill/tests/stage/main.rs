//! act-distill from outside: its library and its program on a toy task.

mod library;
mod losses;
mod metric;
mod problems;
mod program;
mod resume;
mod strange;
mod toy;
mod wrong;
