//! The gate's criteria: what was found, what was wanted, and whether the one meets the other. Each judges
//! the figure itself, and says where its interval lies on both sides of the limit.

use act_core::metrics::Metric;
use act_core::{Error, Result};
use act_stage::report::{ComparedClass, ComparedModel};

use crate::classes;
use crate::table::{p_words, points, points_interval};

/// One criterion's outcome.
pub struct Verdict {
    pub outcome: Outcome,
    pub line: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Met,
    Missed,
    /// The measurement says neither.
    Unclear,
}

impl Outcome {
    fn of(met: bool) -> Self {
        if met { Outcome::Met } else { Outcome::Missed }
    }

    /// What a line begins with.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Met => "ok",
            Outcome::Missed => "missed",
            Outcome::Unclear => "unclear",
        }
    }
}

/// A difference with its interval, in shares.
#[derive(Clone, Copy)]
struct Change {
    value: f64,
    low: f64,
    high: f64,
}

impl Change {
    /// True if no more is lost than so many points: a drop of exactly the limit passes, whatever its last
    /// bit says.
    fn within(self, most: f64) -> bool {
        -100.0 * self.value <= most + 1e-9
    }

    /// What to add where the data do not tell on which side of the limit the model is.
    fn doubt(self, most: f64) -> &'static str {
        let limit = -most / 100.0;
        if self.low < limit && limit < self.high {
            "; these examples cannot tell: the limit is within the interval"
        } else {
            ""
        }
    }
}

/// At most so many points of accuracy lost.
pub fn accuracy(model: &ComparedModel, most: f64) -> Result<Verdict> {
    let d = model.difference.ok_or_else(|| nothing_to_compare(model))?;
    let change = Change {
        value: d.value,
        low: d.low,
        high: d.high,
    };
    Ok(drop_of(model.accuracy.metric.title(), change, most))
}

/// At most so many points of a figure lost; of a correlation a point is a hundredth.
pub fn figure(model: &ComparedModel, metric: Metric, most: f64) -> Result<Verdict> {
    if metric == model.accuracy.metric {
        return accuracy(model, most);
    }
    if model.difference.is_none() {
        return Err(nothing_to_compare(model));
    }
    let figure = match metric {
        Metric::MacroF1 => model.macro_f1,
        Metric::MicroF1 => model.micro_f1,
        Metric::F1 => model.f1,
        Metric::Mcc => model.mcc,
        Metric::Lrap => model.lrap,
        Metric::Pearson => model.pearson,
        Metric::Spearman => model.spearman,
        Metric::Accuracy => None,
    };
    let difference = figure.and_then(|figure| figure.difference);
    let d = difference.ok_or_else(|| not_in_report(metric.title()))?;
    let change = Change {
        value: d.value,
        low: d.low,
        high: d.high,
    };
    Ok(drop_of(metric.title(), change, most))
}

fn drop_of(what: &str, change: Change, most: f64) -> Verdict {
    let interval = interval(change);
    Verdict {
        outcome: Outcome::of(change.within(most)),
        line: format!(
            "{what} {} points ({interval}), a drop of at most {most} wanted{}",
            points(change.value),
            change.doubt(most)
        ),
    }
}

fn interval(change: Change) -> String {
    let Change { low, high, .. } = change;
    format!("{}, 95 %", points_interval(low, high))
}

/// At most so many points of recall lost, in any class of so many examples. Smaller ones are not judged:
/// an answer or two move them by more than any limit.
pub fn classes(model: &ComparedModel, most: f64, examples: usize) -> Result<Verdict> {
    if model.difference.is_none() {
        return Err(nothing_to_compare(model));
    }
    if model.classes.is_empty() {
        return Err(not_in_report("recall by class"));
    }
    let with_examples = model.classes.iter().filter(|c| c.count.examples > 0);
    let (judged, small): (Vec<&ComparedClass>, Vec<&ComparedClass>) =
        with_examples.partition(|c| c.count.examples >= examples);
    let judged = judged.iter().filter_map(|c| {
        let d = c.difference?;
        let change = Change {
            value: d.value,
            low: d.low,
            high: d.high,
        };
        Some((c, change, d.p_value))
    });
    let judged: Vec<_> = judged.collect();
    let worst = judged.iter().min_by(|a, b| a.1.value.total_cmp(&b.1.value));
    let Some((class, change, p)) = worst else {
        return Err(Error::usage(format!(
            "no class has {examples} examples, so that --max-class-drop judges none: lower \
             --class-examples, or judge on more examples"
        )));
    };
    let over = judged.iter().filter(|(_, c, _)| !c.within(most)).count();
    let others = match over {
        0 | 1 => String::new(),
        n => format!("; {n} classes of {} drop more", judged.len()),
    };
    let unjudged = match small.len() {
        0 => String::new(),
        1 => format!("; one class of fewer than {examples} examples is not judged"),
        n => format!("; {n} classes of fewer than {examples} examples are not judged"),
    };
    Ok(Verdict {
        outcome: Outcome::of(over == 0),
        line: format!(
            "recall of class {:?} {} points ({}; {} examples, {}), a drop of at most {most} wanted in \
             any class{others}{}{unjudged}",
            class.count.label,
            points(change.value),
            interval(*change),
            class.count.examples,
            p_words(*p),
            change.doubt(most),
        ),
    })
}

/// At least so many times as fast. A busy machine's rounds that lie on both sides of the limit do not tell.
pub fn speedup(model: &ComparedModel, least: f64) -> Result<Verdict> {
    let s = (model.speedups.first()).ok_or_else(|| nothing_to_compare(model))?;
    let (batch, seq, padding) = (s.batch, s.seq, s.padding.name());
    let (median, low, high) = (s.ratio.median, s.ratio.p5, s.ratio.p95);
    let doubtful = low < least && least < high;
    let unclear = doubtful && s.ratio.is_unsteady();
    let doubt = if unclear {
        format!("; the machine was busy and cannot tell ({low:.2}x .. {high:.2}x): measure again")
    } else if doubtful {
        format!("; some rounds say otherwise ({low:.2}x .. {high:.2}x)")
    } else {
        String::new()
    };
    let outcome = if unclear {
        Outcome::Unclear
    } else {
        Outcome::of(median >= least)
    };
    Ok(Verdict {
        outcome,
        line: format!(
            "speed-up {median:.2}x (batch {batch} x {seq}, padding {padding}), at least {least} \
             wanted{doubt}"
        ),
    })
}

/// Classes that the first model of a report knows and this one does not, in a sentence.
pub fn lost(models: &[ComparedModel], model: &ComparedModel) -> Option<String> {
    let first = models.first()?;
    classes::lost_words(&classes::lost(&first.classes, &model.classes))
}

fn nothing_to_compare(model: &ComparedModel) -> Error {
    Error::usage(format!(
        "{} is the first model, or the only one: there is nothing to compare it with",
        model.name
    ))
}

fn not_in_report(what: &str) -> Error {
    Error::usage(format!(
        "no {what} in this report: it does not judge such answers, or an older act-eval wrote the report, \
         which act-eval report writes anew"
    ))
}
