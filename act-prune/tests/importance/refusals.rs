//! Threads that must not matter, and what is refused.

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Error, ErrorKind, Linear, Progress, Result, Tensor};
use act_prune::importance::{compensate, scores};
use act_prune::{Calibration, Criterion, Kept, Measure};

use crate::toy::{examples, measure, strongest_part, trained};

/// Whoever asks is to stop.
struct Stopped;

impl Progress for Stopped {
    fn begin(&self, _what: &str, _total: usize) {}

    fn advance(&self, _units: usize) -> Result<()> {
        Err(Error::interrupted())
    }

    fn say(&self, _words: &str) {}
}

#[test]
fn results_do_not_depend_on_threads() {
    let calibration = examples(3);
    for criterion in [Criterion::Fisher, Criterion::Obs] {
        let run = |threads| {
            let measure = measure(&calibration, threads);
            let scores = scores(criterion, trained(), &measure).unwrap();
            let cut = compensate(criterion, trained(), &strongest_part(2, &scores), &measure);
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
    let refused = scores(Criterion::Obs, &constant, &measure(&calibration, 1));
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
        cut: None,
        encodings: Vec::new(),
        labels: Vec::new(),
    };
    let whole = tiny_artifact(1, &TinyOptions::default());
    for criterion in [Criterion::FirstOrder, Criterion::Fisher, Criterion::Obs] {
        let run = |model: &Artifact, calibration: &Calibration| {
            scores(criterion, model, &measure(calibration, 1)).unwrap_err()
        };
        let error = run(&damaged, &calibration);
        assert!(
            error.to_string().contains("not finite"),
            "{criterion}: {error}"
        );
        let error = run(&whole, &empty);
        assert_eq!(error.kind(), ErrorKind::Usage, "{criterion}: {error}");
        let stopped = Measure {
            progress: &Stopped,
            ..measure(&calibration, 1)
        };
        let error = scores(criterion, &whole, &stopped).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{criterion}");
    }
    let kept = Kept {
        heads: vec![0],
        neurons: vec![0],
    };
    let kept = [kept.clone(), kept];
    for criterion in [Criterion::Fisher, Criterion::Obs] {
        let refused = compensate(criterion, &whole, &kept, &measure(&empty, 1));
        assert_eq!(refused.map(drop).unwrap_err().kind(), ErrorKind::Usage);
        let damaged = compensate(criterion, &damaged, &kept, &measure(&calibration, 1));
        let error = damaged.map(drop).unwrap_err();
        assert!(
            error.to_string().contains("not finite"),
            "{criterion}: {error}"
        );
    }
}
