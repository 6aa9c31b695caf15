//! Carries out an assignment: shifts, smooths, rounds the weights, corrects biases, reads scales out of the
//! statistics and puts the quantised artifact together. Rounded weights and tables are shared by
//! all trials. Chooses no numbers beyond the step of a threshold.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use act_core::names::group_multipliers;
use act_core::quant::{ActivationScheme, LinearQuant, QuantSpec, TableQuant, WeightBits};
use act_core::{Artifact, Embedding, Error, Linear, Result, Tensor};

use act_stage::config::AttentionKind;

use crate::calibrate::Method;
use crate::channels::Channels;
use crate::moments::Origin;
use crate::options::Options;
use crate::products::products;
use crate::rewritten::Rewritten;
use crate::rounded::{Inputs, Matrix, Rounded};
use crate::scheme::{Assignment, Scheme};
use crate::statistics::{Sites, Statistics};
use crate::weight::{Int8Rows, WeightRound, four};
use crate::{bias, embedding, grid};

/// A float model, what calibration saw, and what can be shared between trials.
pub struct ModelQuantizer<'a> {
    model: &'a Artifact,
    statistics: &'a Sites,
    options: &'a Options,
    /// Integer tables, if the options want them.
    pub tables: Vec<(Embedding, Int8Rows)>,
    rounded: Rounded,
    exact: RefCell<BTreeMap<Linear, Rc<[f32]>>>,
    threads: usize,
}

/// A linear as an assignment leaves it, before it goes into an artifact.
pub struct QuantizedLinear {
    /// Scale and ranges.
    pub quant: LinearQuant,
    /// Integer weights.
    pub rows: Int8Rows,
    /// What to add to the bias, if biases are corrected.
    pub correction: Option<Vec<f32>>,
    /// What its input's channels look like now.
    pub channels: Channels,
}

/// What rounding did to a weight.
pub struct WeightNoise {
    /// Whose.
    pub linear: Linear,
    /// Signal to noise in decibels.
    pub sqnr_db: f64,
    /// Share of the groups that were over their limit.
    pub groups_cut: f64,
}

impl<'a> ModelQuantizer<'a> {
    /// Quantises the tables.
    ///
    /// # Errors
    /// Rejected: a table that is not finite.
    pub fn new(model: &'a Artifact, statistics: &'a Sites, options: &'a Options) -> Result<Self> {
        Ok(Self {
            model,
            statistics,
            options,
            tables: if options.embeddings {
                embedding::quantize(&model.plan, &model.params, options.bits)?
            } else {
                Vec::new()
            },
            rounded: Rounded::default(),
            exact: RefCell::default(),
            threads: 1,
        })
    }

    /// Rounds on so many threads; the results are the same.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The float model.
    pub fn model(&self) -> &'a Artifact {
        self.model
    }

    /// What the options allow.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// What calibration saw at the input of `linear`.
    ///
    /// # Errors
    /// Failed: nothing.
    pub fn statistics(&self, linear: Linear) -> Result<&'a Statistics> {
        self.statistics
            .get(&linear)
            .ok_or_else(|| Error::failed(format!("calibration saw no values at {linear}.input")))
    }

    /// The artifact of an assignment; provenance is left as it was.
    ///
    /// # Errors
    /// Rejected: a weight that is not finite.
    pub fn artifact(&self, assignment: &Assignment) -> Result<Artifact> {
        let plan = &self.model.plan;
        let mut rewritten = self.rewritten(assignment)?;
        let mut linears = Vec::new();
        let mut integers: BTreeMap<String, Tensor> = BTreeMap::new();
        let mut multipliers = Vec::new();
        for linear in plan.linears() {
            let scheme = assignment.scheme(linear)?;
            let Some(done) = self.linear(&rewritten, linear, scheme, assignment)? else {
                continue;
            };
            if let Some(correction) = &done.correction {
                rewritten.add(&linear.bias(), correction)?;
            }
            let shape = plan.linear_shape(linear);
            let (name, scale) = (linear.weight(), linear.scale());
            insert(
                &mut integers,
                name,
                scale,
                shape,
                (&done.rows, done.quant.bits),
            );
            linears.push(done.quant);
        }
        for choice in &assignment.choices {
            if let Some(multiplier) = self.multiplier(&choice.input, choice.scheme)? {
                let name = choice.input.first().input_multiplier();
                multipliers.push((name, Tensor::f32([multiplier.len()], multiplier)));
            }
        }
        for (table, rows) in &self.tables {
            let shape = [plan.table_rows(*table), plan.embeddings.width];
            let (name, scale) = (table.weight(), table.scale());
            insert(&mut integers, name, scale, shape, (rows, self.options.bits));
        }
        let mut params = act_core::Params::new();
        let mut floats = rewritten.into_tensors();
        for (name, tensor) in self.model.params.iter() {
            if integers.contains_key(name) {
                continue;
            }
            let tensor = match floats.remove(name) {
                Some(values) => Tensor::f32(tensor.shape(), values),
                None => tensor.clone(),
            };
            params.insert(name, tensor);
        }
        for (name, tensor) in integers.into_iter().chain(multipliers) {
            params.insert(name, tensor);
        }
        let bits = self.options.bits;
        Ok(Artifact {
            plan: plan.clone(),
            task: self.model.task.clone(),
            tokenizer: self.model.tokenizer.clone(),
            params,
            quant: QuantSpec {
                linears,
                embeddings: (self
                    .tables
                    .iter()
                    .map(|&(table, _)| TableQuant { table, bits }))
                .collect(),
                attention: self.attention(),
            },
            provenance: self.model.provenance.clone(),
        })
    }

    /// Layers whose attention multiplies bytes: all in which it can, or none.
    fn attention(&self) -> Vec<usize> {
        let (plan, wanted) = (
            &self.model.plan,
            self.options.attention == AttentionKind::Int8,
        );
        let plain = (0..plan.layers.len()).filter(|&l| plan.attends_plainly(l));
        plain.filter(|_| wanted).collect()
    }

    /// The float model's outputs of `linear` for the rows that calibration kept, biases left out, `[rows,
    /// outputs]`.
    ///
    /// # Errors
    /// Rejected: the model lacks the tensor. Failed: calibration saw no values there.
    pub fn exact_outputs(&self, linear: Linear) -> Result<Rc<[f32]>> {
        if let Some(known) = self.exact.borrow().get(&linear) {
            return Ok(Rc::clone(known));
        }
        let channels = &self.statistics(linear)?.channels;
        let weights = self.model.params.f32(&linear.weight())?;
        let exact: Rc<[f32]> = products(weights, &channels.rows, channels.len().max(1)).into();
        self.exact.borrow_mut().insert(linear, Rc::clone(&exact));
        Ok(exact)
    }

    /// One linear of the `rewritten` model under `scheme`; none if it stays in float.
    ///
    /// # Errors
    /// Rejected: a weight that is not finite.
    pub fn linear(
        &self,
        rewritten: &Rewritten<'_>,
        linear: Linear,
        scheme: Scheme,
        assignment: &Assignment,
    ) -> Result<Option<QuantizedLinear>> {
        if scheme == Scheme::Float {
            return Ok(None);
        }
        let name = linear.weight();
        let weights = rewritten.f32(&name)?;
        let rows = self.rows(rewritten, linear, scheme, assignment)?;
        let statistics = self.statistics(linear)?;
        let mut quant = LinearQuant {
            weight_max: self.options.weight_max,
            bits: self.options.bits(linear),
            group_limit: self.options.group_limit(),
            activation_max: self.options.activation_max,
            ..LinearQuant::dynamic(linear)
        };
        let channels = self.quantised_channels(linear, scheme, assignment)?;
        match scheme {
            Scheme::Static(method) => self.set_scale(&mut quant, method, statistics),
            Scheme::Smooth {
                method,
                at_run_time,
                ..
            } => {
                quant.input_multiplier = at_run_time;
                let all_tokens = assignment.input(linear)?.last();
                let channels = self.quantised_channels(all_tokens, scheme, assignment)?;
                self.set_scale(&mut quant, method, &Statistics::of_rows(channels));
            }
            Scheme::Dynamic | Scheme::Float => {}
        }
        let correction = assignment
            .bias_correct
            .then(|| bias::correction(weights, &rows.dequantized(), &channels.mean));
        Ok(Some(QuantizedLinear {
            quant,
            rows,
            correction,
            channels,
        }))
    }

    fn set_scale(&self, quant: &mut LinearQuant, method: Method, statistics: &Statistics) {
        let of_threshold = if self.options.shift {
            grid::spanning
        } else {
            grid::symmetric
        };
        let grid = of_threshold(method, statistics, quant.activation_max);
        quant.activation = ActivationScheme::Static {
            scale: grid.scale,
            zero_point: grid.zero_point,
        };
        quant.calibrator = Some(method.calibrator);
        quant.calibrator_arg = method.percent as f32;
    }

    /// Rounded weights.
    fn rows(
        &self,
        rewritten: &Rewritten<'_>,
        linear: Linear,
        scheme: Scheme,
        assignment: &Assignment,
    ) -> Result<Int8Rows> {
        let name = linear.weight();
        let [_, columns] = self.model.plan.linear_shape(linear);
        let matrix = Matrix {
            linear,
            weights: rewritten.f32(&name)?,
            columns,
            changed: rewritten.changed(&name),
            granularity: assignment.granularity,
        };
        let (rounded, allowed) = (&self.rounded, self.options.allowed(linear));
        if assignment.round == WeightRound::Nearest {
            return rounded.rows(&matrix, None, allowed, self.threads);
        }
        let moments = self.statistics(linear)?.moments.as_ref();
        let moments = moments.ok_or_else(|| {
            Error::failed(format!("calibration kept no moments of {linear}.input"))
        })?;
        let divisors = self.divisors(assignment.input(linear)?, scheme)?;
        let shift = self.shift(linear, scheme, assignment)?;
        let zeros = vec![0.0; columns];
        let inputs = Inputs {
            moments,
            // A corrected bias takes up the mean error: what is left is about the means.
            origin: match (assignment.bias_correct, shift) {
                (true, _) => Origin::Mean,
                (false, Some(shift)) => Origin::At(shift),
                (false, None) => Origin::At(&zeros),
            },
            factors: divisors.as_deref(),
        };
        rounded.rows(&matrix, Some(&inputs), allowed, self.threads)
    }

    /// What rounding did to each quantised weight.
    ///
    /// # Errors
    /// Rejected: a weight that is not finite.
    pub fn weight_noise(&self, assignment: &Assignment) -> Result<Vec<WeightNoise>> {
        let rewritten = self.rewritten(assignment)?;
        let mut noise = Vec::new();
        for linear in self.model.plan.linears() {
            let scheme = assignment.scheme(linear)?;
            if scheme != Scheme::Float {
                let rows = self.rows(&rewritten, linear, scheme, assignment)?;
                let [outputs, inputs] = self.model.plan.linear_shape(linear);
                let groups =
                    (self.options.group_limit()).map_or(0, |limit| outputs * limit.groups(inputs));
                noise.push(WeightNoise {
                    linear,
                    sqnr_db: rows.sqnr_db,
                    groups_cut: rows.groups_cut as f64 / groups.max(1) as f64,
                });
            }
        }
        Ok(noise)
    }
}

/// Puts the tensors of a quantised matrix among others.
pub(crate) fn insert(
    tensors: &mut BTreeMap<String, Tensor>,
    name: String,
    scale: String,
    shape: [usize; 2],
    (rows, bits): (&Int8Rows, WeightBits),
) {
    tensors.insert(scale, Tensor::f32([shape[0]], rows.scales.clone()));
    match (bits, &rows.multipliers) {
        (WeightBits::Four { group }, Some(multipliers)) => {
            let [quarters, multipliers] = four::packed(&rows.values, multipliers, shape, group);
            tensors.insert(group_multipliers(&name), multipliers);
            tensors.insert(name, quarters);
        }
        _ => {
            tensors.insert(name, Tensor::i8(shape, rows.values.clone()));
        }
    }
}
