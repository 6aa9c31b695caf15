//! Chooses schemes input by input where the best whole-model choice is too far from the float model:
//! each input its own calibrator; a scale per token everywhere; then, the noisiest first, the
//! cheapest scheme that helps; at last static scales again wherever they cost nothing. Every change
//! is judged end to end, so that none rests on an estimate alone. Times choose nothing: the same
//! data must give the same bytes on every machine, so the order of costs is fixed.

use std::cell::RefCell;

use act_core::Result;
use act_stage::config::SchemeKind;

use crate::apply::ModelQuantizer;
use crate::calibrate::Method;
use crate::descent::{self, Slice};
use crate::noise;
use crate::scheme::{Assignment, Input, Scheme};
use crate::search::{Attempt, Runner, Search};

/// A change of one input is kept if it takes at least this share off the divergence, and static
/// scales come back if they add no more: less is within what another slice of data would move.
const WORTHWHILE: f64 = 0.03;

/// A scheme, and the signal to noise that it is estimated to have.
type Estimated = (f64, Scheme);

/// A search that is being refined.
struct Refinement<'a, 'r> {
    search: &'a mut Search,
    runner: &'a mut Runner<'r>,
    quantizer: &'r ModelQuantizer<'r>,
    /// Trials before the refinement.
    start: usize,
    /// What was estimated: of which input, under which scheme, with the means of tokens off or not.
    estimated: RefCell<Vec<(usize, bool, Estimated)>>,
}

/// Refines a search's result until its divergence is within the options' bound, no change helps, or
/// the bound of trials is reached. Without scales per token, ranges are chosen by the answers to `slice`.
///
/// # Errors
/// Those of the judge; rejected: a weight that is not finite.
pub fn refine(search: &mut Search, runner: &mut Runner<'_>, slice: &Slice<'_>) -> Result<()> {
    let whole = search.assignment.clone();
    let mut refinement = Refinement {
        start: search.trials.len(),
        search,
        quantizer: runner.quantizer,
        runner,
        estimated: RefCell::default(),
    };
    refinement.best_calibrators()?;
    refinement.best_smoothings()?;
    refinement.ranges(slice)?;
    refinement.all_dynamic()?;
    while refinement.single_inputs()? {}
    refinement.back_to_static(&whole)
}

impl Refinement<'_, '_> {
    /// True while the result is too far from the float model and trials are left.
    fn goes_on(&self) -> bool {
        self.divergence() > self.quantizer.options().max_divergence
            && self.search.trials.len() - self.start < self.quantizer.options().max_trials
    }

    fn divergence(&self) -> f64 {
        self.search.winner().score.divergence
    }

    fn allows(&self, kind: SchemeKind) -> bool {
        self.quantizer.options().allows(kind)
    }

    /// [`noise::estimate`], which does not depend on what other inputs are, each asked for once.
    fn estimate(&self, assignment: &Assignment, index: usize, scheme: Scheme) -> Result<f64> {
        let shift = assignment.shift_tokens;
        let asked =
            |(i, s, known): &&(usize, bool, Estimated)| (*i, *s, known.1) == (index, shift, scheme);
        if let Some((_, _, (sqnr, _))) = self.estimated.borrow().iter().find(asked) {
            return Ok(*sqnr);
        }
        let sqnr = noise::estimate(self.quantizer, assignment, index, scheme)?;
        (self.estimated.borrow_mut()).push((index, shift, (sqnr, scheme)));
        Ok(sqnr)
    }

    /// Judges `assignment`; keeps it if its divergence is below `bar`.
    fn attempt(&mut self, attempt: Attempt, assignment: Assignment, bar: f64) -> Result<bool> {
        self.search.attempt(self.runner, attempt, assignment, bar)
    }

    /// Each static input the calibrator with the least estimated error.
    fn best_calibrators(&mut self) -> Result<()> {
        let methods = &self.quantizer.options().methods;
        if !self.goes_on() || !self.allows(SchemeKind::Static) || methods.len() < 2 {
            return Ok(());
        }
        let now = &self.search.assignment;
        let mut best = now.clone();
        for index in 0..best.choices.len() {
            let mut highest = f64::NEG_INFINITY;
            for &method in methods {
                let scheme = Scheme::Static(method);
                let sqnr = self.estimate(now, index, scheme)?;
                if sqnr > highest {
                    highest = sqnr;
                    best.choices[index].scheme = scheme;
                }
            }
            best.choices[index].reason =
                format!("of the calibrators, the least error at its layer ({highest:.1} dB)");
        }
        let bar = self.divergence();
        self.attempt(Attempt::Calibrators, best, bar)?;
        Ok(())
    }

    /// True if every scale is to be static.
    fn is_static(&self) -> bool {
        self.allows(SchemeKind::Static) && !self.allows(SchemeKind::Dynamic)
    }

    /// Each static input the smoothing with the least estimated error, or none: with one calibrator for all of
    /// them, one after the other, and with the best for each. Smoothing changes which calibrator is best, and
    /// what is best at each layer need not be best for the answers.
    fn best_smoothings(&mut self) -> Result<()> {
        if !self.goes_on() || !self.is_static() {
            return Ok(());
        }
        let methods = &self.quantizer.options().methods;
        let now = self.search.assignment.clone();
        let alone = methods
            .iter()
            .map(|method| (Some(*method), std::slice::from_ref(method)));
        let mixed = (methods.len() > 1).then_some((None, &methods[..]));
        for (method, of) in alone.chain(mixed) {
            let assignment = self.smoothed(&now, of)?;
            if assignment != self.search.assignment {
                let bar = self.divergence();
                self.attempt(Attempt::Smoothings(method), assignment, bar)?;
            }
            if !self.goes_on() {
                break;
            }
        }
        Ok(())
    }

    /// `now` with each static input under the scheme, smoothed or not, that has the least estimated error with one
    /// of `methods`.
    fn smoothed(&self, now: &Assignment, methods: &[Method]) -> Result<Assignment> {
        let mut smoothed = now.clone();
        for (index, choice) in smoothed.choices.iter_mut().enumerate() {
            if choice.scheme.method().is_none() {
                continue;
            }
            let mut highest = f64::NEG_INFINITY;
            for &method in methods {
                let plain = std::iter::once(Scheme::Static(method));
                for scheme in plain.chain(self.smoothings(&choice.input, method)) {
                    let sqnr = self.estimate(now, index, scheme)?;
                    if sqnr > highest {
                        (highest, choice.scheme) = (sqnr, scheme);
                    }
                }
            }
            choice.reason =
                format!("of static scales, the least error at its layer ({highest:.1} dB)");
        }
        Ok(smoothed)
    }

    /// How an input could be smoothed with a calibrator.
    fn smoothings(&self, input: &Input, method: Method) -> Vec<Scheme> {
        let at_run_time = !self.quantizer.can_smooth(input);
        let kind = if at_run_time {
            SchemeKind::SmoothAtRunTime
        } else {
            SchemeKind::Smooth
        };
        let alphas = self.quantizer.options().alphas.iter();
        let alphas = alphas.filter(|_| self.allows(kind));
        let smooth = |&alpha: &f64| Scheme::Smooth {
            method,
            alpha,
            at_run_time,
        };
        alphas.map(smooth).collect()
    }

    /// Ranges and smoothing of static inputs by the answers of the whole model.
    fn ranges(&mut self, slice: &Slice<'_>) -> Result<()> {
        if !self.goes_on() || !self.quantizer.options().chooses_ranges() {
            return Ok(());
        }
        let now = self.search.assignment.clone();
        slice
            .progress
            .begin("choosing ranges", slice.passes * now.choices.len());
        let smoothings = |index: usize| {
            let choice = &now.choices[index];
            let method = choice.scheme.method();
            method.map_or(Vec::new(), |method| self.smoothings(&choice.input, method))
        };
        let (mut best, [before, after]) =
            descent::descend(self.quantizer, &now, slice, &smoothings)?;
        log::info!("ranges by the answers: {before:.3e} -> {after:.3e} on the slice");
        for (choice, old) in best.choices.iter_mut().zip(&now.choices) {
            if choice.scheme != old.scheme {
                choice.reason = "its range by the answers of the whole model".into();
            }
        }
        let bar = self.divergence();
        if best != now {
            self.attempt(Attempt::Ranges, best, bar)?;
        }
        Ok(())
    }

    /// A scale per token for every input: a pass over each row, cheap beside its product.
    fn all_dynamic(&mut self) -> Result<()> {
        if !self.goes_on() || !self.allows(SchemeKind::Dynamic) {
            return Ok(());
        }
        if !self.allows(SchemeKind::Static) {
            // That is what the whole-model trials were.
            return self.shift_tokens();
        }
        let mut dynamic = self.search.assignment.clone();
        let bar = self.divergence() * (1.0 - WORTHWHILE);
        for index in 0..dynamic.choices.len() {
            dynamic.choices[index].reason = self.too_far("static scales everywhere");
            dynamic.choices[index].scheme = Scheme::Dynamic;
        }
        let inputs = dynamic.choices.iter().map(|c| c.input.clone()).collect();
        if self.attempt(Attempt::Change(inputs, Scheme::Dynamic), dynamic, bar)? {
            self.shift_tokens()?;
        }
        Ok(())
    }

    /// The same with the means of channels off, which costs nothing at run time.
    fn shift_tokens(&mut self) -> Result<()> {
        if !self.quantizer.options().shift {
            return Ok(());
        }
        let mut shifted = self.search.assignment.clone();
        shifted.shift_tokens = true;
        let bar = self.divergence() * (1.0 - WORTHWHILE);
        self.attempt(Attempt::ShiftTokens, shifted, bar)?;
        Ok(())
    }

    /// Goes once through the inputs, the noisiest first; true if one was changed.
    fn single_inputs(&mut self) -> Result<bool> {
        let mut changed = false;
        if !self.goes_on() {
            return Ok(changed);
        }
        for index in self.noisiest_first()? {
            if !self.goes_on() {
                break;
            }
            for scheme in self.alternatives(index)? {
                if self.goes_on() && self.change(index, scheme)? {
                    changed = true;
                    break;
                }
            }
        }
        Ok(changed)
    }

    fn change(&mut self, index: usize, scheme: Scheme) -> Result<bool> {
        let mut assignment = self.search.assignment.with(index, scheme);
        let before = self.search.assignment.choices[index].scheme;
        let choice = &mut assignment.choices[index];
        choice.reason = self.too_far(&format!("{before} here"));
        let attempt = Attempt::Change(vec![choice.input.clone()], scheme);
        let bar = self.divergence() * (1.0 - WORTHWHILE);
        self.attempt(attempt, assignment, bar)
    }

    fn too_far(&self, what: &str) -> String {
        format!(
            "{what} left a divergence of {:.2e}, above {:.2e}",
            self.divergence(),
            self.quantizer.options().max_divergence
        )
    }

    /// Indices of the inputs that are not float, the least signal to noise first.
    fn noisiest_first(&self) -> Result<Vec<usize>> {
        let assignment = &self.search.assignment;
        let mut order = Vec::new();
        for (index, choice) in assignment.choices.iter().enumerate() {
            if choice.scheme != Scheme::Float {
                let sqnr = self.estimate(assignment, index, choice.scheme)?;
                order.push((sqnr, index));
            }
        }
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(order.into_iter().map(|(_, index)| index).collect())
    }

    /// What an input could become instead, the cheapest at run time first: of the smoothed ones the
    /// best by estimate, and nothing that the estimate finds noisier than what is there.
    fn alternatives(&self, index: usize) -> Result<Vec<Scheme>> {
        let (assignment, options) = (&self.search.assignment, self.quantizer.options());
        let choice = &assignment.choices[index];
        let estimate = |scheme| self.estimate(assignment, index, scheme);
        let now = estimate(choice.scheme)?;
        let mut found = Vec::new();
        let mut best = (now, None);
        for &method in &options.methods {
            for scheme in self.smoothings(&choice.input, method) {
                let sqnr = estimate(scheme)?;
                if sqnr > best.0 {
                    best = (sqnr, Some(scheme));
                }
            }
        }
        found.extend(best.1.filter(|scheme| *scheme != choice.scheme));
        let has_scale = choice.scheme.method().is_some();
        if has_scale && self.allows(SchemeKind::Dynamic) && estimate(Scheme::Dynamic)? > now {
            found.push(Scheme::Dynamic);
        }
        if self.allows(SchemeKind::Float) {
            found.push(Scheme::Float);
        }
        Ok(found)
    }

    /// Gives inputs with a scale per token the static one of `whole` back, as many as cost nothing:
    /// in order of the estimated loss, by halving.
    fn back_to_static(&mut self, whole: &Assignment) -> Result<()> {
        let now = self.search.assignment.clone();
        let mut order = Vec::new();
        for (index, choice) in now.choices.iter().enumerate() {
            let fixed = whole.choices[index].scheme;
            if choice.scheme == Scheme::Dynamic && fixed != Scheme::Dynamic {
                let estimate = |scheme| self.estimate(&now, index, scheme);
                order.push((estimate(Scheme::Dynamic)? - estimate(fixed)?, index));
            }
        }
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let bar = self.divergence() * (1.0 + WORTHWHILE);
        let (mut kept, mut step) = (0, order.len().div_ceil(2));
        while step > 0 && kept + step <= order.len() {
            let mut assignment = now.clone();
            for &(_, index) in &order[..kept + step] {
                let choice = &mut assignment.choices[index];
                choice.scheme = whole.choices[index].scheme;
                choice.reason = "a scale per token gains nothing here".into();
            }
            let inputs = order[..kept + step].iter();
            let inputs = inputs.map(|&(_, index)| now.choices[index].input.clone());
            let fixed = whole.choices[order[0].1].scheme;
            let attempt = Attempt::Change(inputs.collect(), fixed);
            if self.attempt(attempt, assignment, bar)? {
                kept += step;
            }
            step = match step {
                1 => 0,
                step => step.div_ceil(2).min(order.len() - kept),
            };
        }
        Ok(())
    }
}
