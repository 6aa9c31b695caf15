//! A data file as rows, whatever its format: opened and unpacked (`source`), cut into lines (`lines`), rows
//! of a table (`table`) or values of a JSON list (`list`), and handed on as named fields (`record`).

mod encoding;
mod lines;
mod list;
mod quoted;
mod record;
mod rows;
mod source;
mod table;

pub(crate) use lines::Lines;
pub(crate) use quoted::quoted;
pub use record::Record;
pub(crate) use rows::position;
pub use rows::{Rows, Shape, header, one_value};
pub(crate) use source::{open, read_bounded};
