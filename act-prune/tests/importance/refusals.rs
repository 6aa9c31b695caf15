//! Threads that must not matter, and what is refused.

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, ErrorKind, Linear, Tensor};
use act_prune::importance::{compensate, scores};
use act_prune::{Calibration, Importance, Kept};

use crate::toy::{examples, measure, strongest_part, trained};

#[test]
fn results_do_not_depend_on_threads() {
    let calibration = examples(3);
    for criterion in [Importance::Fisher, Importance::Obs] {
        let run = |threads| {
            let measure = measure(&calibration, threads);
            let scores = scores(criterion, trained(), &measure, &mut |_| true).unwrap();
            let cut = compensate(
                criterion,
                trained(),
                &strongest_part(2, &scores),
                &measure,
                &mut |_| true,
            );
            (scores, cut.unwrap().artifact.model_digest().unwrap())
        };
        assert_eq!(run(1), run(3), "{criterion}");
    }
}

#[test]
fn a_block_that_says_the_same_of_everything_is_refused() {
    let options = TinyOptions::default();
    let mut constant = tiny_artifact(1, &options);
    for name in ["word", "position", "token_type"] {
        let name = format!("embeddings.{name}_embeddings.weight");
        let shape = constant.params.get(&name).unwrap().shape().to_vec();
        let zeros = vec![0.0; shape.iter().product()];
        constant.params.insert(name, Tensor::f32(shape, zeros));
    }
    let calibration = examples(3);
    let refused = scores(
        Importance::Obs,
        &constant,
        &measure(&calibration, 1),
        &mut |_| true,
    );
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(
        error
            .to_string()
            .contains("the same for every calibration example"),
        "{error}"
    );
}

#[test]
fn damaged_models_empty_calibrations_and_interrupts_end_it() {
    let mut damaged = tiny_artifact(1, &TinyOptions::default());
    let name = Linear::Intermediate(0).bias();
    let mut bias = damaged.params.f32(&name).unwrap().to_vec();
    bias[3] = f32::NAN;
    damaged.params.insert(name, Tensor::f32([bias.len()], bias));
    let calibration = examples(3);
    let empty = Calibration {
        encodings: Vec::new(),
        labels: Vec::new(),
    };
    let whole = tiny_artifact(1, &TinyOptions::default());
    for criterion in [Importance::FirstOrder, Importance::Fisher, Importance::Obs] {
        let run = |model: &Artifact, calibration: &Calibration, go: bool| {
            let measure = measure(calibration, 1);
            scores(criterion, model, &measure, &mut |_| go).unwrap_err()
        };
        let error = run(&damaged, &calibration, true);
        assert!(
            error.to_string().contains("not finite"),
            "{criterion}: {error}"
        );
        let error = run(&whole, &empty, true);
        assert_eq!(error.kind(), ErrorKind::Usage, "{criterion}: {error}");
        let error = run(&whole, &calibration, false);
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{criterion}");
    }
    let kept = Kept {
        heads: vec![0],
        neurons: vec![0],
    };
    let kept = [kept.clone(), kept];
    for criterion in [Importance::Fisher, Importance::Obs] {
        let refused = compensate(criterion, &whole, &kept, &measure(&empty, 1), &mut |_| true);
        assert_eq!(refused.map(drop).unwrap_err().kind(), ErrorKind::Usage);
        let damaged = compensate(
            criterion,
            &damaged,
            &kept,
            &measure(&calibration, 1),
            &mut |_| true,
        );
        let error = damaged.map(drop).unwrap_err();
        assert!(
            error.to_string().contains("not finite"),
            "{criterion}: {error}"
        );
    }
}
