//! The deployable encoder: padding-free f32 and int8 inference on CPUs. Knows no burn, no clap.

use std::path::Path;

use act_core::{Artifact, Batch, Result, Site};

/// Which kernels compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// The fastest this machine has.
    Auto,
    /// Portable Rust, always there; the reference for all others.
    Generic,
}

/// A loaded model, ready to classify; `Send + Sync`.
pub struct Engine {}

/// Sees what flows through the f32 path: calibration and teachers use it.
pub trait Observer: Send {
    /// `values` is `[rows, columns]`, row-major; called once per site and batch, in forward order.
    fn observe(&mut self, site: Site, values: &[f32], columns: usize);
}

impl Engine {
    /// Maps and loads an `.act` file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Artifact::open(path)?)
    }

    /// Loads an artifact: packs its weights for this machine.
    pub fn new(artifact: Artifact) -> Result<Self> {
        let _ = artifact;
        todo!()
    }

    /// Sets the number of threads (default 1; 0: all cores). Results do not depend on it.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        let _ = threads;
        todo!()
    }

    /// Chooses the kernels. Integer results do not depend on it, f32 only by rounding.
    #[must_use]
    pub fn with_kernels(self, kernels: Kernels) -> Self {
        let _ = kernels;
        todo!()
    }

    /// Class scores, one row a sequence. Errors: a token id or length outside the plan.
    pub fn forward(&self, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let _ = batch;
        todo!()
    }

    /// As [`Engine::forward`], for a float model, telling `observer` every site's values.
    pub fn forward_observed(
        &self,
        batch: &Batch,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Vec<f32>>> {
        let _ = (batch, observer);
        todo!()
    }
}
