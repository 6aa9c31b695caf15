//! What an assignment makes of the channels of an input before they are rounded: what is taken off them,
//! what they are divided by, and what they look like then; and the float model that gives the same answers
//! with such channels.

use act_core::{Artifact, Linear, Result, Tensor};

use crate::apply::ModelQuantizer;
use crate::channels::Channels;
use crate::rewritten::Rewritten;
use crate::scheme::{Assignment, Choice, Input, Scheme};
use crate::{shift, smooth};

impl<'a> ModelQuantizer<'a> {
    /// What `scheme` takes off the channels of `linear`'s input, if anything.
    pub(crate) fn shift(
        &self,
        linear: Linear,
        scheme: Scheme,
        assignment: &Assignment,
    ) -> Result<Option<&'a [f32]>> {
        let shift = self.statistics(linear)?.shift.as_ref();
        Ok(shift.and_then(|shift| match scheme {
            Scheme::Static(_) | Scheme::Smooth { .. } => Some(&shift.middle[..]),
            Scheme::Dynamic if assignment.shift_tokens => Some(&shift.mean[..]),
            Scheme::Dynamic | Scheme::Float => None,
        }))
    }

    /// True if `input` can be smoothed without anything to do at run time.
    pub fn can_smooth(&self, input: &Input) -> bool {
        input.linears.len() == 1 && smooth::producer(&self.model().plan, input.first()).is_some()
    }

    /// SmoothQuant's factors of an input.
    pub(crate) fn factors(&self, input: &Input, alpha: f64) -> Result<Vec<f32>> {
        let readers = input.linears.iter();
        let weights = readers.map(|reader| self.model().params.f32(&reader.weight()));
        let weights: Vec<&[f32]> = weights.collect::<Result<_>>()?;
        // Of query, key and value, the value is computed of every token.
        let statistics = self.statistics(input.last())?;
        let peaks = match &statistics.shift {
            Some(shift) => statistics.channels.shifted(&shift.middle).peaks(),
            None => statistics.channels.peaks(),
        };
        Ok(smooth::factors(&peaks, &weights, alpha))
    }

    /// What `scheme` multiplies the channels of an input by when it is quantised, if by anything.
    pub(crate) fn multiplier(&self, input: &Input, scheme: Scheme) -> Result<Option<Vec<f32>>> {
        let Scheme::Smooth {
            alpha,
            at_run_time: true,
            ..
        } = scheme
        else {
            return Ok(None);
        };
        Ok(Some(smooth::multiplier(&self.factors(input, alpha)?)))
    }

    /// What the channels of an input are divided by under `scheme`, at run time or before, if by anything.
    pub(crate) fn divisors(&self, input: &Input, scheme: Scheme) -> Result<Option<Vec<f32>>> {
        match scheme {
            Scheme::Smooth {
                at_run_time: true, ..
            } => {
                let multiplier = self.multiplier(input, scheme)?;
                Ok(multiplier.map(|multiplier| multiplier.iter().map(|m| 1.0 / m).collect()))
            }
            Scheme::Smooth { alpha, .. } if self.can_smooth(input) => {
                self.factors(input, alpha).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The channels of `linear`'s input as they are quantised under `scheme`: shifted and smoothed.
    pub(crate) fn quantised_channels(
        &self,
        linear: Linear,
        scheme: Scheme,
        assignment: &Assignment,
    ) -> Result<Channels> {
        let channels = &self.statistics(linear)?.channels;
        let channels = match self.shift(linear, scheme, assignment)? {
            Some(shift) => channels.shifted(shift),
            None => channels.clone(),
        };
        let divisors = self.divisors(assignment.input(linear)?, scheme)?;
        Ok(match divisors {
            Some(divisors) => channels.divided(&divisors),
            None => channels,
        })
    }

    /// The float model after all shifts and smoothing of an assignment: the same answers, with
    /// activations that are easier to quantise, once those that are multiplied at run time are.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn rewritten(&self, assignment: &Assignment) -> Result<Rewritten<'a>> {
        let mut rewritten = self.before_multipliers(assignment)?;
        for choice in &assignment.choices {
            if let Some(multiplier) = self.multiplier(&choice.input, choice.scheme)? {
                rewritten.divide(&choice.input.linears, &multiplier)?;
            }
        }
        Ok(rewritten)
    }

    /// What of that needs nothing at run time: a float model of the same answers.
    fn before_multipliers(&self, assignment: &Assignment) -> Result<Rewritten<'a>> {
        let mut rewritten = Rewritten::new(self.model());
        for choice in &assignment.choices {
            self.shift_at(&mut rewritten, choice, assignment)?;
        }
        for choice in &assignment.choices {
            self.smooth_at(&mut rewritten, choice)?;
        }
        Ok(rewritten)
    }

    /// The float model after what one input asks for, all others as they are.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn rewritten_at(&self, assignment: &Assignment, index: usize) -> Result<Rewritten<'a>> {
        let choice = &assignment.choices[index];
        let mut rewritten = Rewritten::new(self.model());
        self.shift_at(&mut rewritten, choice, assignment)?;
        self.smooth_at(&mut rewritten, choice)?;
        if let Some(multiplier) = self.multiplier(&choice.input, choice.scheme)? {
            rewritten.divide(&choice.input.linears, &multiplier)?;
        }
        Ok(rewritten)
    }

    fn shift_at(
        &self,
        rewritten: &mut Rewritten<'_>,
        choice: &Choice,
        assignment: &Assignment,
    ) -> Result<()> {
        let Input { linears } = &choice.input;
        let route = shift::route(&self.model().plan, linears[0]);
        let shift = self.shift(linears[0], choice.scheme, assignment)?;
        match route.zip(shift) {
            Some((route, shift)) => rewritten.shift(route, linears, shift),
            None => Ok(()),
        }
    }

    /// What of an input's smoothing goes into its producer.
    fn smooth_at(&self, rewritten: &mut Rewritten<'_>, choice: &Choice) -> Result<()> {
        let linear = choice.input.first();
        if let Scheme::Smooth {
            alpha,
            at_run_time: false,
            ..
        } = choice.scheme
            && let Some(producer) = smooth::producer(&self.model().plan, linear)
        {
            let factors = self.factors(&choice.input, alpha)?;
            rewritten.smooth(producer, linear, &factors)?;
        }
        Ok(())
    }

    /// The float model that an assignment rounds, as an artifact, its weights not divided by multipliers:
    /// what training on from it needs.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn float(&self, assignment: &Assignment) -> Result<Artifact> {
        let mut float = self.model().clone();
        for (name, values) in self.before_multipliers(assignment)?.into_tensors() {
            let shape = self.model().params.get(&name)?.shape().to_vec();
            float.params.insert(name, Tensor::f32(shape, values));
        }
        Ok(float)
    }
}
