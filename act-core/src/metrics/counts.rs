//! Answers counted by class: all that the metrics of labels need to know of them.

/// One class's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassCounts {
    /// Examples whose right answer it is: its support.
    pub examples: usize,
    /// Examples that were given it as an answer.
    pub predicted: usize,
    /// Examples of both.
    pub correct: usize,
}

impl ClassCounts {
    /// Share of its examples that are found; `None` without examples.
    pub fn recall(&self) -> Option<f64> {
        (self.examples > 0).then(|| self.correct as f64 / self.examples as f64)
    }

    /// Share of its answers that are right; `None` if it is never answered.
    pub fn precision(&self) -> Option<f64> {
        (self.predicted > 0).then(|| self.correct as f64 / self.predicted as f64)
    }

    /// Harmonic mean of precision and recall, 0 where either has no value.
    pub fn f1(&self) -> f64 {
        match self.examples + self.predicted {
            0 => 0.0,
            sum => 2.0 * self.correct as f64 / sum as f64,
        }
    }

    /// True if it is the right answer to some example, or the answer given to one.
    pub fn occurs(&self) -> bool {
        self.examples + self.predicted > 0
    }
}

/// The counts of all classes, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// One for each class.
    pub classes: Vec<ClassCounts>,
}

impl Counts {
    /// Counts answers beside the truth, example by example; all of them below `classes`.
    pub fn new(
        predicted: impl IntoIterator<Item = usize>,
        truth: impl IntoIterator<Item = u32>,
        classes: usize,
    ) -> Self {
        let mut counts = Self::none(classes);
        for (predicted, truth) in predicted.into_iter().zip(truth) {
            counts.add(predicted, truth as usize, 1);
        }
        counts
    }

    /// Those of no examples.
    pub fn none(classes: usize) -> Self {
        Self {
            classes: vec![ClassCounts::default(); classes],
        }
    }

    /// Counts sets of labels beside the truth, text by text; all of them below `classes`.
    pub fn of_sets<'a>(
        predicted: impl IntoIterator<Item = &'a [u32]>,
        truth: impl IntoIterator<Item = &'a [u32]>,
        classes: usize,
    ) -> Self {
        let mut counts = Self::none(classes);
        for (predicted, truth) in predicted.into_iter().zip(truth) {
            counts.add_set(predicted, truth, 1);
        }
        counts
    }

    /// Takes in so many texts of one set of labels that had another set as their answer.
    pub fn add_set(&mut self, predicted: &[u32], truth: &[u32], texts: usize) {
        for &label in predicted {
            let class = &mut self.classes[label as usize];
            class.predicted += texts;
            if truth.contains(&label) {
                class.correct += texts;
            }
        }
        for &label in truth {
            self.classes[label as usize].examples += texts;
        }
    }

    /// Takes in so many examples of one class that had one answer.
    pub fn add(&mut self, predicted: usize, truth: usize, examples: usize) {
        self.classes[predicted].predicted += examples;
        self.classes[truth].examples += examples;
        if predicted == truth {
            self.classes[truth].correct += examples;
        }
    }

    /// Number of examples; of sets, of labels in them.
    pub fn examples(&self) -> usize {
        self.classes.iter().map(|class| class.examples).sum()
    }

    /// Number of right answers; of sets, of right labels.
    pub fn correct(&self) -> usize {
        self.classes.iter().map(|class| class.correct).sum()
    }

    /// Share of right answers; 0 without examples.
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.examples().max(1) as f64
    }

    /// Mean F1 of the classes that occur, among the examples or the answers (as scikit-learn's, with
    /// zero_division 0); 0 if none does.
    pub fn macro_f1(&self) -> f64 {
        let occurring = self.classes.iter().filter(|class| class.occurs());
        let (sum, n) = occurring.fold((0.0, 0), |(sum, n), class| (sum + class.f1(), n + 1));
        sum / f64::from(n.max(1))
    }

    /// Mean F1 of all classes, 0 for those that never occur: that of sets of labels (as scikit-learn's of
    /// indicators, with zero_division 0).
    pub fn macro_f1_of_all(&self) -> f64 {
        let sum: f64 = self.classes.iter().map(ClassCounts::f1).sum();
        sum / self.classes.len().max(1) as f64
    }

    /// F1 of all classes' counts together; with one class an example, accuracy.
    pub fn micro_f1(&self) -> f64 {
        let predicted: usize = self.classes.iter().map(|class| class.predicted).sum();
        match self.examples() + predicted {
            0 => 0.0,
            sum => 2.0 * self.correct() as f64 / sum as f64,
        }
    }

    /// Matthews' correlation coefficient, of any number of classes Gorodkin's R_K (2004): 1 where all is
    /// right, around 0 for answers that know nothing, and 0 where all examples or all answers are of one
    /// class.
    pub fn mcc(&self) -> f64 {
        // Whole numbers of 128 bits hold the squares of any count.
        let wide = |n: usize| n as i128;
        let n = wide(self.examples());
        let products = |of: fn(&ClassCounts) -> (usize, usize)| {
            let pairs = self.classes.iter().map(of);
            pairs.map(|(a, b)| wide(a) * wide(b)).sum::<i128>()
        };
        let both = n * wide(self.correct()) - products(|c| (c.examples, c.predicted));
        let examples = n * n - products(|c| (c.examples, c.examples));
        let answers = n * n - products(|c| (c.predicted, c.predicted));
        if examples == 0 || answers == 0 {
            return 0.0;
        }
        both as f64 / ((examples as f64).sqrt() * (answers as f64).sqrt())
    }

    /// Index of the class of which the smallest share is found, the first of equals; `None` without
    /// examples.
    pub fn worst(&self) -> Option<usize> {
        let recalls = self.classes.iter().enumerate();
        let recalls = recalls.filter_map(|(i, class)| Some((i, class.recall()?)));
        let worst = recalls.min_by(|(_, a), (_, b)| a.total_cmp(b));
        worst.map(|(class, _)| class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_counted_on_both_sides() {
        let counts = Counts::new([0, 1, 1, 2, 1], [0, 1, 2, 2, 0], 4);
        let rows: Vec<_> = (counts.classes.iter())
            .map(|c| (c.examples, c.predicted, c.correct))
            .collect();
        assert_eq!(rows, [(2, 1, 1), (1, 3, 1), (2, 1, 1), (0, 0, 0)]);
        assert_eq!((counts.examples(), counts.correct()), (5, 3));
        let [first, second, _, absent] = counts.classes[..] else {
            panic!("four classes")
        };
        assert_eq!((first.recall(), first.precision()), (Some(0.5), Some(1.0)));
        assert_eq!(second.f1(), 0.5);
        assert_eq!((absent.recall(), absent.precision()), (None, None));
        assert_eq!((absent.f1(), absent.occurs()), (0.0, false));
        assert_eq!(counts.worst(), Some(0));
    }

    #[test]
    fn no_examples_are_no_division_by_zero() {
        for classes in [0, 1, 3] {
            let none = Counts::none(classes);
            let figures = [none.accuracy(), none.macro_f1(), none.mcc()];
            assert_eq!((figures, none.worst()), ([0.0; 3], None));
        }
    }

    #[test]
    fn a_correlation_of_many_examples_does_not_overflow() {
        let mut counts = Counts::none(2);
        let many = 1 << 40;
        counts.add(0, 0, many);
        counts.add(1, 1, many);
        assert!((counts.mcc() - 1.0).abs() < 1e-12);
        counts.add(0, 1, many);
        counts.add(1, 0, many);
        assert_eq!(counts.mcc(), 0.0);
    }
}
