//! What each input of a model's linear layers becomes: the choice of a quantisation, as data. The
//! choice is made by [`crate::search`] and [`crate::refine`] and carried out by [`crate::apply`].

use std::fmt;

use act_core::{Linear, Plan, Result, Site};
use act_stage::config::SchemeKind;

use crate::calibrate::Method;
use crate::weight::{Granularity, WeightRound};

/// What one input becomes. The order is that of the cost at run time: a smoothed site costs what a
/// static one does, a dynamic one a pass over each row, a float one the integer product's gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scheme {
    /// One scale, found by calibration.
    Static(Method),
    /// One scale, after outlier channels have been moved into the weights.
    Smooth {
        /// Finds the scale of what is left.
        method: Method,
        /// How much is moved: exponent of the activations' peaks.
        alpha: f64,
        /// Whether the engine takes it off the channels when it quantises them, or whatever makes them
        /// never makes it.
        at_run_time: bool,
    },
    /// A scale for each token.
    Dynamic,
    /// Not quantised; its linears keep float weights.
    Float,
}

impl Scheme {
    /// The name of its kind, as reports say it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Static(_) => "static",
            Scheme::Smooth {
                at_run_time: false, ..
            } => "smooth",
            Scheme::Smooth { .. } => "smooth_at_run_time",
            Scheme::Dynamic => "dynamic_per_token",
            Scheme::Float => "float",
        }
    }

    /// Its kind, as options name it.
    pub fn kind(self) -> SchemeKind {
        match self {
            Scheme::Static(_) => SchemeKind::Static,
            Scheme::Smooth {
                at_run_time: false, ..
            } => SchemeKind::Smooth,
            Scheme::Smooth { .. } => SchemeKind::SmoothAtRunTime,
            Scheme::Dynamic => SchemeKind::Dynamic,
            Scheme::Float => SchemeKind::Float,
        }
    }

    /// The exponent of smoothing, if it smooths.
    pub fn smooth_alpha(self) -> Option<f64> {
        match self {
            Scheme::Smooth { alpha, .. } => Some(alpha),
            Scheme::Static(_) | Scheme::Dynamic | Scheme::Float => None,
        }
    }

    /// The same with another calibrator, if it has one.
    #[must_use]
    pub fn with_method(self, method: Method) -> Self {
        match self {
            Scheme::Static(_) => Scheme::Static(method),
            Scheme::Smooth {
                alpha, at_run_time, ..
            } => Scheme::Smooth {
                method,
                alpha,
                at_run_time,
            },
            Scheme::Dynamic | Scheme::Float => self,
        }
    }

    /// The calibrator that chooses its scale, if it has one.
    pub fn method(self) -> Option<Method> {
        match self {
            Scheme::Static(method) | Scheme::Smooth { method, .. } => Some(method),
            Scheme::Dynamic | Scheme::Float => None,
        }
    }
}

/// `static (KL)`, `smooth 0.5 (mse)`, `smooth 0.5 (mse) at run time`, `dynamic per token`, `float`.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scheme::Static(method) => write!(f, "static ({method})"),
            Scheme::Smooth {
                method,
                alpha,
                at_run_time,
            } => {
                let when = if *at_run_time { " at run time" } else { "" };
                write!(f, "smooth {alpha} ({method}){when}")
            }
            Scheme::Dynamic => f.write_str("dynamic per token"),
            Scheme::Float => f.write_str("float"),
        }
    }
}

/// Linears that read one input; it is quantised once for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Query, key and value, neurons and their gate, or one linear alone; never empty.
    pub linears: Vec<Linear>,
}

impl Input {
    /// The inputs of a model, in forward order.
    pub fn all(plan: &Plan) -> Vec<Input> {
        let mut inputs: Vec<Input> = Vec::new();
        for linear in plan.linears() {
            match (linear, inputs.last_mut()) {
                (linear, Some(input)) if linear.readers().contains(&input.first()) => {
                    input.linears.push(linear);
                }
                _ => inputs.push(Input {
                    linears: vec![linear],
                }),
            }
        }
        inputs
    }

    /// The first of its linears.
    pub fn first(&self) -> Linear {
        self.linears[0]
    }

    /// The last of its linears.
    pub fn last(&self) -> Linear {
        self.linears[self.linears.len() - 1]
    }
}

/// `layer.0.attention.query.input`
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Site::Input(self.first()))
    }
}

/// An input, what it becomes, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The input.
    pub input: Input,
    /// What it becomes.
    pub scheme: Scheme,
    /// One sentence for the report.
    pub reason: String,
}

/// A whole model's choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// What shares a weight scale.
    pub granularity: Granularity,
    /// Which integers weights become.
    pub round: WeightRound,
    /// Whether biases take up the mean error of the weights.
    pub bias_correct: bool,
    /// Whether channels lose their means before a token gets its own scale. Helps some models and
    /// hurts others; static scales always lose the middle of the range.
    pub shift_tokens: bool,
    /// One for each input, in forward order.
    pub choices: Vec<Choice>,
}

impl Assignment {
    /// The same scheme everywhere, weights rounded to the nearest.
    pub fn uniform(
        plan: &Plan,
        scheme: Scheme,
        granularity: Granularity,
        bias_correct: bool,
    ) -> Self {
        let choice = |input| Choice {
            input,
            scheme,
            reason: "the best of the whole-model trials".into(),
        };
        Self {
            granularity,
            round: WeightRound::Nearest,
            bias_correct,
            shift_tokens: false,
            choices: Input::all(plan).into_iter().map(choice).collect(),
        }
    }

    /// The same with weights rounded another way.
    pub fn rounded(self, round: WeightRound) -> Self {
        Self { round, ..self }
    }

    /// The same with one input changed.
    pub fn with(&self, index: usize, scheme: Scheme) -> Self {
        let mut changed = self.clone();
        changed.choices[index].scheme = scheme;
        changed
    }

    /// What `linear`'s input becomes.
    ///
    /// # Errors
    /// Failed: the model has no such linear.
    pub fn scheme(&self, linear: Linear) -> Result<Scheme> {
        Ok(self.choice(linear)?.scheme)
    }

    /// The input that `linear` reads.
    ///
    /// # Errors
    /// Failed: the model has no such linear.
    pub fn input(&self, linear: Linear) -> Result<&Input> {
        Ok(&self.choice(linear)?.input)
    }

    fn choice(&self, linear: Linear) -> Result<&Choice> {
        let mut choices = self.choices.iter();
        choices
            .find(|c| c.input.linears.contains(&linear))
            .ok_or_else(|| act_core::Error::failed(format!("no choice was made for {linear}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::testing::{TinyOptions, tiny_artifact};

    #[test]
    fn query_key_and_value_are_one_input() {
        let plan = tiny_artifact(1, &TinyOptions::default()).plan;
        let inputs = Input::all(&plan);
        assert_eq!(inputs.len(), 2 * 4 + 2);
        assert_eq!(inputs[0].linears.len(), 3);
        assert_eq!(inputs[0].to_string(), "layer.0.attention.query.input");
        assert_eq!(inputs[9].linears, [Linear::Classifier]);
        let all: Vec<Linear> = inputs.into_iter().flat_map(|i| i.linears).collect();
        assert_eq!(all, plan.linears());
    }
}
