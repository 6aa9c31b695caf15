//! What an assignment makes of the channels of an input before they are rounded: what is taken off them,
//! what they are divided by, and what they look like then.

use act_core::{Linear, Result};

use crate::apply::ModelQuantizer;
use crate::channels::Channels;
use crate::scheme::{Assignment, Input, Scheme};
use crate::smooth;

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
}
