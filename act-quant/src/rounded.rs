//! Rounded weights of linears, each matrix rounded once however many trials use it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use act_core::{Error, Linear, Result};

use crate::moments::{Moments, Origin};
use crate::weight::compensate::Compensation;
use crate::weight::{self, Allowed, Granularity, Int8Rows};

/// Damping of rounding with compensation, relative to the mean square of the channels (GPTQ's).
const DAMPING: f64 = 1e-2;

/// What the rounding of a matrix depends on, beside options that are the same for all.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    linear: Linear,
    granularity: Granularity,
    /// None to the nearest, and else a digest of the origin of the moments.
    origin: Option<u64>,
    /// A digest of the weights, where they are not the model's own.
    changed: Option<u64>,
}

/// A matrix to be rounded.
pub struct Matrix<'a> {
    /// Whose.
    pub linear: Linear,
    /// `[outputs, inputs]`.
    pub weights: &'a [f32],
    /// Number of inputs.
    pub columns: usize,
    /// True if the weights are not the model's own.
    pub changed: bool,
    /// What shares a step.
    pub granularity: Granularity,
}

/// Second moments of a matrix's inputs, for rounding with compensation.
pub struct Inputs<'a> {
    /// As calibration saw them.
    pub moments: &'a Moments,
    /// What they are about.
    pub origin: Origin<'a>,
    /// What each channel is divided by, if anything; a function of linear and weights.
    pub factors: Option<&'a [f32]>,
}

/// All matrices that were rounded.
#[derive(Default)]
pub struct Rounded {
    done: RefCell<HashMap<Key, Int8Rows>>,
}

impl Rounded {
    /// A matrix rounded to the nearest, or with compensation if `inputs` are given.
    ///
    /// # Errors
    /// Rejected: a weight that is not finite. Failed: moments that are not finite.
    pub fn rows(
        &self,
        matrix: &Matrix<'_>,
        inputs: Option<&Inputs<'_>>,
        allowed: Allowed,
        threads: usize,
    ) -> Result<Int8Rows> {
        let digest = |values: &[f32]| {
            let mut hasher = DefaultHasher::new();
            values.iter().for_each(|v| v.to_bits().hash(&mut hasher));
            hasher.finish()
        };
        let key = Key {
            linear: matrix.linear,
            granularity: matrix.granularity,
            origin: inputs.map(|inputs| match inputs.origin {
                Origin::Mean => 0,
                Origin::At(numbers) => digest(numbers).max(1),
            }),
            changed: matrix.changed.then(|| digest(matrix.weights)),
        };
        if let Some(rows) = self.done.borrow().get(&key) {
            return Ok(rows.clone());
        }
        let name = matrix.linear.weight();
        let (weights, columns) = (matrix.weights, matrix.columns);
        let rows = match inputs {
            None => weight::quantize(&name, weights, columns, matrix.granularity, allowed)?,
            Some(inputs) => {
                let compensation = compensation(matrix.linear, inputs, threads)?;
                let granularity = matrix.granularity;
                weight::quantize_compensated(
                    &name,
                    weights,
                    granularity,
                    allowed,
                    &compensation,
                    threads,
                )?
            }
        };
        self.done.borrow_mut().insert(key, rows.clone());
        Ok(rows)
    }
}

fn compensation(linear: Linear, inputs: &Inputs<'_>, threads: usize) -> Result<Compensation> {
    let moments = inputs.moments.about(inputs.origin, inputs.factors);
    Compensation::new(moments, inputs.moments.channels(), DAMPING, threads).ok_or_else(|| {
        Error::failed(format!(
            "the products of the values at {linear}.input overflow: round without them, \
                 QuantPost.weight_round: nearest"
        ))
    })
}
