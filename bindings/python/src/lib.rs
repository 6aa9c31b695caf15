//! The native half of the Python package `act_infer`: a model, asked for many texts at a time with Python's
//! lock released. What Python sees of it is `python/act_infer`.

mod error;
mod model;

use pyo3::prelude::*;

/// `act_infer._native`.
#[pymodule]
#[pyo3(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<model::Model>()
}
