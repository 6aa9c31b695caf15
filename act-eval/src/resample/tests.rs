use super::*;
use crate::paired;
use act_core::metrics::{Metric, pearson, spearman};

/// Two models on `n` examples of two classes, the second wrong on every tenth and right on every
/// 25th that the first gets wrong.
fn answers(n: usize) -> [Answers; 2] {
    let truth: Vec<u32> = (0..n).map(|i| u32::from(i % 3 == 0)).collect();
    let model = |wrong: &dyn Fn(usize) -> bool| Answers::Classes {
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

fn measure(metric: Metric) -> Measure {
    Measure::new(metric, &["0", "1"].map(String::from)).unwrap()
}

fn differences(
    answers: &[Answers],
    groups: &[Vec<usize>],
    metrics: &[Metric],
    seed: u64,
) -> Vec<FigureDifference> {
    let measures: Vec<Measure> = metrics.iter().map(|&metric| measure(metric)).collect();
    let found = figures(answers, groups, &measures, Seed(seed));
    assert!(found[0].iter().all(|figure| figure.difference.is_none()));
    found[1].iter().map(|f| f.difference.unwrap()).collect()
}

#[test]
fn of_accuracies_it_is_the_closed_interval_nearly() {
    let n = 2000;
    let answers = answers(n);
    let second = differences(&answers, &alone(n), &[Metric::Accuracy], 1)[0];
    assert_eq!(second.draws, MOST_DRAWS);
    let found = figures(&answers, &alone(n), &[measure(Metric::Accuracy)], Seed(1));
    let (figure, wilson) = (found[1][0], answers[1].accuracy());
    let off = (figure.low.unwrap() - wilson.low).abs() + (figure.high.unwrap() - wilson.high).abs();
    assert!(
        off < 0.2 * (wilson.high - wilson.low),
        "{figure:?}, {wilson:?}"
    );
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
        let metrics = [Metric::MacroF1, Metric::Mcc];
        differences(&answers, &alone(300), &metrics, seed)
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    for figure in &of(1) {
        assert!(
            figure.low < figure.value && figure.value < figure.high,
            "{figure:?}"
        );
    }
}

#[test]
fn copies_in_a_group_are_no_new_evidence() {
    let once = answers(400);
    let five = |a: &Answers| match a {
        Answers::Classes { predicted, truth } => Answers::Classes {
            predicted: predicted.iter().flat_map(|&p| [p; 5]).collect(),
            truth: truth.iter().flat_map(|&t| [t; 5]).collect(),
        },
        _ => panic!("classes"),
    };
    let copies = [five(&once[0]), five(&once[1])];
    let groups: Vec<Vec<usize>> = (0..400).map(|g| (5 * g..5 * g + 5).collect()).collect();
    let width = |answers: &[Answers], groups: &[Vec<usize>]| {
        let found = differences(answers, groups, &[Metric::MacroF1], 1)[0];
        found.high - found.low
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
    let none = Answers::Classes {
        predicted: Vec::new(),
        truth: Vec::new(),
    };
    let found = differences(&[none.clone(), none], &[], &[Metric::Mcc], 1)[0];
    assert_eq!(
        (found.low, found.high, found.p_value),
        (0.0, 0.0, Some(1.0))
    );
    let [model, _] = answers(50);
    let found = differences(&[model.clone(), model], &alone(50), &[Metric::Mcc], 1)[0];
    assert_eq!((found.low, found.high), (0.0, 0.0));
}

#[test]
fn an_example_drawn_twice_is_two_examples() {
    let (x, y) = ([1.0, 2.0, 2.0, 5.0], [2.0, 1.0, 4.0, 4.0]);
    let weights = [1, 2, 0, 3];
    let drawn = |row: &[f64]| -> Vec<f64> {
        let times = row.iter().zip(weights);
        times.flat_map(|(&x, n)| vec![x; n as usize]).collect()
    };
    let answers = [Answers::Scores {
        predicted: y.into(),
        truth: x.into(),
    }];
    let task = act_core::TaskInfo {
        problem: act_core::Problem::Regression,
        ..act_core::TaskInfo::new("own", 8, vec!["score".into()])
    };
    let measures = [Metric::Pearson, Metric::Spearman]
        .map(|metric| Measure::of_task(Some(metric), &task).unwrap());
    let found = Cells::new(&answers).values(&weights, &measures);
    let (x, y) = (drawn(&x), drawn(&y));
    let expected = [pearson(&x, &y), spearman(&x, &y)];
    let near = found
        .iter()
        .zip(expected)
        .all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near, "{found:?} {expected:?}");
}

#[test]
fn sets_are_drawn_as_wholes() {
    let truth: Vec<Vec<u32>> = (0..200u32)
        .map(|i| if i % 4 == 0 { vec![0, 1] } else { vec![1] })
        .collect();
    let set = |lost: u32| Answers::Sets {
        predicted: (truth.iter().zip(0..))
            .map(|(t, i)| if i % lost == 0 { vec![1] } else { t.clone() })
            .collect(),
        truth: truth.clone(),
        ranking: vec![1.0; 200],
    };
    let task = act_core::TaskInfo {
        problem: act_core::Problem::new(act_core::ProblemKind::MultiLabel, 2),
        ..act_core::TaskInfo::new("own", 8, ["a", "b"].map(String::from).into())
    };
    let measures = [Metric::MacroF1, Metric::Lrap]
        .map(|metric| Measure::of_task(Some(metric), &task).unwrap());
    let found = figures(&[set(40), set(8)], &alone(200), &measures, Seed(1));
    // Of 50 texts of the first label 45 and 25 are found: F1 90/95 and 50/75.
    let expected = [(90.0 / 95.0 + 1.0) / 2.0, (50.0 / 75.0 + 1.0) / 2.0];
    for (model, expected) in found.iter().zip(expected) {
        assert!((model[0].value - expected).abs() < 1e-12, "{model:?}");
        assert_eq!(model[1].value, 1.0);
    }
    let difference = found[1][0].difference.unwrap();
    assert!(difference.high < 0.0 && difference.p_value == Some(0.0));
}
