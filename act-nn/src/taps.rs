//! Taps: how a stage looks into the forward pass or changes it, at named sites.
//!
//! The model calls [`Taps::at`] at every [`Site`] and knows no stage.

use std::collections::BTreeMap;

use act_core::{Linear, Site};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::kernels::linear::InputUnits;
use crate::objective::Comparison;
use crate::tensors::to_vec;

/// What happens at the sites of a forward pass. All values are 2-D, `[tokens, width]`.
pub(crate) trait Taps<B: Backend> {
    /// Sees the values at a site and gives those with which the pass goes on, in the same shape.
    fn at(&mut self, site: Site, x: Tensor<B, 2>) -> Tensor<B, 2>;

    /// What the values that were just given for a linear's input are whole numbers of; `None` if they are
    /// none that the backend wants to know of.
    fn units(&self, _: Linear) -> Option<InputUnits<'_>> {
        None
    }

    /// True if the last layer must be computed for all tokens, not only for the classified one.
    fn all_tokens(&self) -> bool {
        false
    }
}

/// Leaves everything as it is.
pub(crate) struct Identity;

impl<B: Backend> Taps<B> for Identity {
    fn at(&mut self, _: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        x
    }
}

/// Records the values at some sites, row by row.
pub(crate) struct Record<'a> {
    pub(crate) sites: &'a [Site],
    pub(crate) values: BTreeMap<Site, Vec<f32>>,
}

impl<B: Backend> Taps<B> for Record<'_> {
    fn at(&mut self, site: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        if self.sites.contains(&site) {
            self.values.insert(site, to_vec(x.clone()));
        }
        x
    }

    fn all_tokens(&self) -> bool {
        true
    }
}

/// Keeps the values at the sites that losses compare, in the graph, and leaves everything else to
/// other taps.
pub(crate) struct Collect<'a, B: Backend> {
    comparisons: &'a [Comparison],
    others: &'a mut dyn Taps<B>,
    pub(crate) values: BTreeMap<Site, Tensor<B, 2>>,
}

impl<'a, B: Backend> Collect<'a, B> {
    pub(crate) fn new(comparisons: &'a [Comparison], others: &'a mut dyn Taps<B>) -> Self {
        Self {
            comparisons,
            others,
            values: BTreeMap::new(),
        }
    }
}

impl<B: Backend> Taps<B> for Collect<'_, B> {
    fn at(&mut self, site: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        if self.comparisons.iter().any(|c| c.student == site) {
            self.values.insert(site, x.clone());
        }
        self.others.at(site, x)
    }

    fn units(&self, linear: Linear) -> Option<InputUnits<'_>> {
        self.others.units(linear)
    }

    fn all_tokens(&self) -> bool {
        self.others.all_tokens()
    }
}

/// Multiplies the context of every head with a number, `[1, heads]` a layer.
pub(crate) struct HeadMasks<B: Backend> {
    /// One a layer; `None` where the attention block is gone.
    pub(crate) masks: Vec<Option<Tensor<B, 2>>>,
}

impl<B: Backend> Taps<B> for HeadMasks<B> {
    fn at(&mut self, site: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let Site::Heads(layer) = site else { return x };
        let Some(mask) = &self.masks[layer] else {
            return x;
        };
        let ([rows, width], [_, heads]) = (x.dims(), mask.dims());
        let mask = mask.clone().reshape([1, heads, 1]);
        let x = x.reshape([rows, heads, width / heads]);
        (x * mask).reshape([rows, width])
    }
}
