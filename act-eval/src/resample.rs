//! The bootstrap: how far a figure could have come out otherwise, seen by drawing the examples anew, as
//! many as there are, with replacement (Efron & Tibshirani 1993, chapter 13). For differences that have
//! no closed interval; the models of a comparison meet the same draws, so that differences are paired.

mod cells;
#[cfg(test)]
mod tests;

use act_core::Seed;
use act_core::metrics::Measure;
use act_stage::report::{Figure, FigureDifference};
use rand::Rng;

use crate::evaluation::Answers;
use cells::Cells;

/// Draws, of which the 2.5th and the 97.5th percentile are the interval's ends.
pub const MOST_DRAWS: usize = 2000;

/// Draws of the largest data sets; between the two as many as a few seconds allow.
const FEWEST_DRAWS: usize = 1000;

/// Examples drawn in a few seconds.
const AFFORDABLE: usize = 100_000_000;

/// True if examples come in groups; not so if nearly every one stands alone.
pub fn hang_together(groups: &[Vec<usize>], examples: usize) -> bool {
    groups.len() as f64 <= 0.9 * examples as f64
}

/// The 2.5th and the 97.5th percentile; there is at least one value.
pub fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values[rank.clamp(1, values.len()) - 1]
    };
    (at(0.025), at(0.975))
}

/// For every model, every figure: its value with its interval, and its difference from the first model's.
/// What is drawn are the `groups`, where examples hang together, and examples otherwise.
pub fn figures(
    answers: &[Answers],
    groups: &[Vec<usize>],
    measures: &[Measure],
    seed: Seed,
) -> Vec<Vec<Figure>> {
    let cells = Cells::new(answers);
    let units = Units::new(&cells, groups);
    let draws = (AFFORDABLE / cells.of_example.len().max(1)).clamp(FEWEST_DRAWS, MOST_DRAWS);
    let all: Vec<u32> = cells.sizes();
    let found = cells.values(&all, measures);
    let mut drawn = vec![Vec::with_capacity(draws); found.len()];
    let mut rng = seed.stream("act-eval figures");
    let mut weights = vec![0; all.len()];
    for _ in 0..draws {
        units.draw(&mut weights, &mut rng);
        let values = cells.values(&weights, measures);
        drawn.iter_mut().zip(values).for_each(|(d, v)| d.push(v));
    }
    let of_model = measures.len();
    let figure = |(i, value): (usize, &f64)| {
        let (low, high) = percentiles(drawn[i].clone());
        let first = i % of_model;
        Figure {
            value: *value,
            low: Some(low),
            high: Some(high),
            difference: (i >= of_model)
                .then(|| difference((value, found[first]), &drawn[i], &drawn[first])),
        }
    };
    let figures: Vec<Figure> = found.iter().enumerate().map(figure).collect();
    let rows = figures.chunks(of_model.max(1));
    rows.map(<[Figure]>::to_vec).collect()
}

/// One model's figures alone, without intervals.
pub fn values(answers: &Answers, measures: &[Measure]) -> Vec<f64> {
    let answers = std::slice::from_ref(answers);
    let cells = Cells::new(answers);
    cells.values(&cells.sizes(), measures)
}

/// Of two models' values, found and drawn.
fn difference((value, first): (&f64, f64), drawn: &[f64], of_first: &[f64]) -> FigureDifference {
    let gains: Vec<f64> = drawn.iter().zip(of_first).map(|(a, b)| a - b).collect();
    let share = |side: &dyn Fn(&f64) -> bool| {
        let there = gains.iter().filter(|gain| side(gain)).count();
        there as f64 / gains.len().max(1) as f64
    };
    let p_value = 2.0 * share(&|gain| *gain <= 0.0).min(share(&|gain| *gain >= 0.0));
    let draws = gains.len();
    let (low, high) = percentiles(gains);
    FigureDifference {
        value: value - first,
        low,
        high,
        draws,
        p_value: Some(p_value.min(1.0)),
    }
}

/// What is drawn: examples, or groups of them; each as the cells of its examples.
enum Units<'a> {
    Examples(&'a [u32]),
    Groups(Vec<Vec<u32>>),
}

impl<'a> Units<'a> {
    fn new(cells: &'a Cells<'_>, groups: &[Vec<usize>]) -> Self {
        if !hang_together(groups, cells.of_example.len()) {
            return Units::Examples(&cells.of_example);
        }
        let of_group = |group: &Vec<usize>| group.iter().map(|&i| cells.of_example[i]).collect();
        Units::Groups(groups.iter().map(of_group).collect())
    }

    /// Counts the cells of as many units as there are, drawn with replacement.
    fn draw(&self, weights: &mut [u32], rng: &mut impl Rng) {
        weights.fill(0);
        match self {
            Units::Examples(cells) => {
                for _ in 0..cells.len() {
                    let example = rng.random_range(0..cells.len() as u32);
                    weights[cells[example as usize] as usize] += 1;
                }
            }
            Units::Groups(groups) => {
                for _ in 0..groups.len() {
                    let group = &groups[rng.random_range(0..groups.len() as u32) as usize];
                    group.iter().for_each(|&cell| weights[cell as usize] += 1);
                }
            }
        }
    }
}
