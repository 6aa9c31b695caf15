//! A float model on its way to int8: the same answers, with activations that are easier to quantise.

use std::collections::BTreeMap;

use act_core::{Artifact, Linear, Result};

use crate::producer::Producer;
use crate::shift::{self, Route};

/// A float model some of whose tensors have been rewritten.
pub struct Rewritten<'a> {
    model: &'a Artifact,
    tensors: BTreeMap<String, Vec<f32>>,
}

impl<'a> Rewritten<'a> {
    /// The model as it is.
    pub fn new(model: &'a Artifact) -> Self {
        Self {
            model,
            tensors: BTreeMap::new(),
        }
    }

    /// A tensor as it is now.
    ///
    /// # Errors
    /// Rejected: the model has no such tensor.
    pub fn f32(&self, name: &str) -> Result<&[f32]> {
        match self.tensors.get(name) {
            Some(values) => Ok(values),
            None => self.model.params.f32(name),
        }
    }

    /// True if the tensor is not the model's any more.
    pub fn changed(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The rewritten tensors.
    pub fn into_tensors(self) -> BTreeMap<String, Vec<f32>> {
        self.tensors
    }

    /// Divides the channels that `producer` makes and multiplies the columns of `linear`'s weight.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn smooth(&mut self, producer: Producer, linear: Linear, factors: &[f32]) -> Result<()> {
        for name in [producer.weight(), producer.bias()] {
            self.update(&name, |values| {
                let width = values.len() / factors.len();
                for (row, s) in values.chunks_exact_mut(width).zip(factors) {
                    row.iter_mut().for_each(|v| *v /= s);
                }
            })?;
        }
        self.update(&linear.weight(), |values| {
            for row in values.chunks_exact_mut(factors.len()) {
                row.iter_mut().zip(factors).for_each(|(w, s)| *w *= s);
            }
        })
    }

    /// Divides the columns of the readers' weights, which read channels that are multiplied when they are
    /// quantised.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn divide(&mut self, readers: &[Linear], multiplier: &[f32]) -> Result<()> {
        for reader in readers {
            self.update(&reader.weight(), |values| {
                for row in values.chunks_exact_mut(multiplier.len()) {
                    row.iter_mut().zip(multiplier).for_each(|(w, m)| *w /= m);
                }
            })?;
        }
        Ok(())
    }

    /// Takes `shift` off the channels that the route's producer makes and that `readers` read, and
    /// gives it back to the residual stream. Comes before any smoothing.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn shift(&mut self, route: Route, readers: &[Linear], shift: &[f32]) -> Result<()> {
        let off: Vec<f32> = shift.iter().map(|z| -z).collect();
        self.add(&route.producer.bias(), &off)?;
        for reader in readers {
            let taken = shift::taken_up(self.f32(&reader.weight())?, shift);
            self.add(&reader.bias(), &taken)?;
        }
        match route.residual {
            Some(linear) => self.add(&linear.bias(), shift),
            None => Ok(()),
        }
    }

    /// Adds `numbers` to a bias.
    ///
    /// # Errors
    /// Rejected: the model lacks the tensor.
    pub fn add(&mut self, bias: &str, numbers: &[f32]) -> Result<()> {
        self.update(bias, |values| {
            values.iter_mut().zip(numbers).for_each(|(b, c)| *b += c);
        })
    }

    fn update(&mut self, name: &str, change: impl FnOnce(&mut [f32])) -> Result<()> {
        let mut values = self.f32(name)?.to_vec();
        change(&mut values);
        self.tensors.insert(name.to_string(), values);
        Ok(())
    }
}
