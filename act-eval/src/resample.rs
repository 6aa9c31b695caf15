//! The bootstrap: how far a figure could have come out otherwise, seen by drawing the examples anew, as
//! many as there are, with replacement (Efron & Tibshirani 1993, chapter 13). For differences that have
//! no closed interval; the models of a comparison meet the same draws, so that differences are paired.

use std::collections::HashMap;

use act_core::Seed;
use act_core::metrics::Counts;
use act_stage::report::FigureDifference;
use rand::Rng;

use crate::evaluation::Answers;

/// Draws, of which the 2.5th and the 97.5th percentile are the interval's ends.
pub const MOST_DRAWS: usize = 2000;

/// Draws of the largest data sets; between the two as many as a few seconds allow.
const FEWEST_DRAWS: usize = 1000;

/// Examples drawn in a few seconds.
const AFFORDABLE: usize = 100_000_000;

/// A figure that answers are judged by.
pub type OfCounts<'a> = &'a dyn Fn(&Counts) -> f64;

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

/// For every model, and every figure, the difference from the first model's. What is drawn are the
/// `groups`, where examples hang together, and examples otherwise.
pub fn differences(
    answers: &[Answers],
    classes: usize,
    groups: &[Vec<usize>],
    figures: &[OfCounts<'_>],
    seed: Seed,
) -> Vec<Vec<FigureDifference>> {
    let cells = Cells::new(answers);
    let units = Units::new(&cells, groups);
    let draws = (AFFORDABLE / cells.of_example.len().max(1)).clamp(FEWEST_DRAWS, MOST_DRAWS);
    let all: Vec<u32> = cells.sizes();
    let found = gains(&cells, &all, classes, figures);
    let mut drawn = vec![Vec::with_capacity(draws); found.len()];
    let mut rng = seed.stream("act-eval figures");
    let mut weights = vec![0; all.len()];
    for _ in 0..draws {
        units.draw(&mut weights, &mut rng);
        let gains = gains(&cells, &weights, classes, figures);
        drawn
            .iter_mut()
            .zip(gains)
            .for_each(|(d, gain)| d.push(gain));
    }
    let differences: Vec<FigureDifference> = (found.into_iter().zip(drawn))
        .map(|(value, drawn)| {
            let (low, high) = percentiles(drawn);
            FigureDifference {
                value,
                low,
                high,
                draws,
            }
        })
        .collect();
    let rows = differences.chunks(figures.len().max(1));
    rows.map(<[FigureDifference]>::to_vec).collect()
}

/// Model by model and figure by figure, against the first model; each cell so many times.
fn gains(cells: &Cells, weights: &[u32], classes: usize, figures: &[OfCounts<'_>]) -> Vec<f64> {
    let mut values: Vec<f64> = Vec::new();
    for model in 0..cells.models {
        let counts = cells.counts(model, weights, classes);
        values.extend(figures.iter().map(|figure| figure(&counts)));
    }
    let first = values[..figures.len()].to_vec();
    let pairs = values.iter().zip(first.iter().cycle());
    pairs.map(|(value, first)| value - first).collect()
}

/// Examples with the same truth and the same answers of all models are one cell: there are few of them,
/// however many examples there are.
struct Cells {
    models: usize,
    /// The cell of each example.
    of_example: Vec<u32>,
    /// Truth and answers of each.
    cells: Vec<(usize, Vec<usize>)>,
}

impl Cells {
    fn new(answers: &[Answers]) -> Self {
        let truth = answers.first().map_or(&[][..], |first| &first.truth);
        let mut known: HashMap<(usize, Vec<usize>), u32> = HashMap::new();
        let mut cells = Vec::new();
        let of_example = truth.iter().enumerate().map(|(i, &truth)| {
            let predicted = answers.iter().map(|a| a.predicted[i]).collect();
            let cell = (truth as usize, predicted);
            *known.entry(cell).or_insert_with_key(|cell| {
                cells.push(cell.clone());
                cells.len() as u32 - 1
            })
        });
        Self {
            models: answers.len(),
            of_example: of_example.collect(),
            cells,
        }
    }

    /// How many examples each has.
    fn sizes(&self) -> Vec<u32> {
        let mut sizes = vec![0; self.cells.len()];
        self.of_example
            .iter()
            .for_each(|&cell| sizes[cell as usize] += 1);
        sizes
    }

    fn counts(&self, model: usize, weights: &[u32], classes: usize) -> Counts {
        let mut counts = Counts::none(classes);
        for ((truth, predicted), &weight) in self.cells.iter().zip(weights) {
            counts.add(predicted[model], *truth, weight as usize);
        }
        counts
    }
}

/// What is drawn: examples, or groups of them; each as the cells of its examples.
enum Units<'a> {
    Examples(&'a [u32]),
    Groups(Vec<Vec<u32>>),
}

impl<'a> Units<'a> {
    fn new(cells: &'a Cells, groups: &[Vec<usize>]) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired;

    /// Two models on `n` examples of two classes, the second wrong on every tenth and right on every
    /// 25th that the first gets wrong.
    fn answers(n: usize) -> [Answers; 2] {
        let truth: Vec<u32> = (0..n).map(|i| u32::from(i % 3 == 0)).collect();
        let model = |wrong: &dyn Fn(usize) -> bool| Answers {
            predicted: (truth.iter().enumerate())
                .map(|(i, &t)| if wrong(i) { 1 - t as usize } else { t as usize })
                .collect(),
            truth: truth.clone(),
        };
        [model(&|i| i % 25 == 0), model(&|i| i % 10 == 0)]
    }

    fn alone(n: usize) -> Vec<Vec<usize>> {
        (0..n).map(|i| vec![i]).collect()
    }

    #[test]
    fn of_accuracies_it_is_the_closed_interval_nearly() {
        let n = 2000;
        let answers = answers(n);
        let found = differences(&answers, 2, &alone(n), &[&Counts::accuracy], Seed(1));
        let [first, second] = [found[0][0], found[1][0]];
        assert_eq!((first.value, first.low, first.high), (0.0, 0.0, 0.0));
        assert_eq!(second.draws, MOST_DRAWS);
        let [reference, model] = answers.map(|a| a.correct());
        let closed = paired::difference(&model, &reference);
        assert!((second.value - closed.value).abs() < 1e-12);
        let off = (second.low - closed.low).abs() + (second.high - closed.high).abs();
        assert!(
            off < 0.1 * (closed.high - closed.low),
            "{second:?}, {closed:?}"
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_others() {
        let answers = answers(300);
        let of = |seed| {
            let figures: [OfCounts<'_>; 2] = [&Counts::macro_f1, &Counts::mcc];
            differences(&answers, 2, &alone(300), &figures, Seed(seed))
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        for figure in &of(1)[1] {
            assert!(
                figure.low < figure.value && figure.value < figure.high,
                "{figure:?}"
            );
        }
    }

    #[test]
    fn copies_in_a_group_are_no_new_evidence() {
        let once = answers(400);
        let five = |a: &Answers| Answers {
            predicted: a.predicted.iter().flat_map(|&p| [p; 5]).collect(),
            truth: a.truth.iter().flat_map(|&t| [t; 5]).collect(),
        };
        let copies = [five(&once[0]), five(&once[1])];
        let groups: Vec<Vec<usize>> = (0..400).map(|g| (5 * g..5 * g + 5).collect()).collect();
        let width = |answers: &[Answers], groups: &[Vec<usize>]| {
            let found = differences(answers, 2, groups, &[&Counts::macro_f1], Seed(1));
            found[1][0].high - found[1][0].low
        };
        let (single, grouped) = (width(&once, &alone(400)), width(&copies, &groups));
        assert!(
            (single - grouped).abs() < 0.1 * single,
            "{single} {grouped}"
        );
        assert!(width(&copies, &alone(2000)) < 0.6 * grouped);
    }

    #[test]
    fn no_examples_and_equal_models_have_no_difference() {
        let none = Answers {
            predicted: Vec::new(),
            truth: Vec::new(),
        };
        let found = differences(&[none.clone(), none], 2, &[], &[&Counts::mcc], Seed(1));
        assert_eq!((found[1][0].low, found[1][0].high), (0.0, 0.0));
        let [model, _] = answers(50);
        let found = differences(
            &[model.clone(), model],
            2,
            &alone(50),
            &[&Counts::mcc],
            Seed(1),
        );
        assert_eq!((found[1][0].low, found[1][0].high), (0.0, 0.0));
    }
}
