//! The Makefile: with the stages themselves, and, where only the plan matters, with stand-ins that
//! note what they were asked and write empty files.

mod length;
mod names;
mod real;
mod rules;
mod settings;
mod workshop;
