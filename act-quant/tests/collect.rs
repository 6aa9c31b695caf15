//! Statistics gathered from a pretended model, against sums done by hand and by brute force.

use act_core::quant::Calibrator;
use act_core::{Batch, Encoding, ErrorKind, Linear, Result, Site};
use act_infer::Observer;
use act_quant::calibrate::Method;
use act_quant::collect::{Wanted, collect};
use act_quant::statistics::Statistics;

const POOLER: Linear = Linear::Pooler;

/// No second moments.
const NONE: Wanted = Wanted {
    moments: false,
    threads: 1,
};

fn batch(lengths: &[usize]) -> Batch {
    let sequences: Vec<Encoding> = lengths
        .iter()
        .map(|&n| Encoding {
            input_ids: vec![1; n],
            token_type_ids: vec![0; n],
        })
        .collect();
    Batch::new(&sequences)
}

/// Statistics of the pooler's input when the model shows `values` (two columns) for each batch.
fn statistics(batches: &[(Batch, Vec<f32>)]) -> Result<Statistics> {
    let inputs: Vec<Batch> = batches.iter().map(|(batch, _)| batch.clone()).collect();
    let mut turn = 0;
    let sites = collect(&[POOLER], &|_| false, NONE, &inputs, &mut |_, observer| {
        observer.observe(Site::Input(POOLER), &batches[turn % batches.len()].1, 2);
        observer.observe(Site::Logits, &[f32::NAN], 1);
        turn += 1;
        Ok(())
    })?;
    assert_eq!(turn, 2 * batches.len(), "two passes");
    Ok(sites[&POOLER].clone())
}

#[test]
fn peaks_are_averaged_over_sequences_then_batches() {
    // Batch 1: sequences of 2 and 1 tokens, peaks 3 and 1. Batch 2: one row a sequence, peaks 5, 4.
    let found = statistics(&[
        (batch(&[2, 1]), vec![1.0, -3.0, 2.0, 0.5, 1.0, 0.0]),
        (batch(&[3, 2]), vec![5.0, 0.0, -4.0, 0.0]),
    ])
    .unwrap();
    assert_eq!((found.min, found.max), (-4.0, 5.0));
    assert_eq!(found.mean_peak, (2.0 + 4.5) / 2.0);
    assert_eq!(
        Method::new(Calibrator::Avg, 0.0).threshold(&found, 127),
        3.25
    );
    assert_eq!(
        Method::new(Calibrator::AbsMax, 0.0).threshold(&found, 127),
        5.0
    );
    assert_eq!(found.count(), 10);
    assert_eq!(found.negative.iter().sum::<u64>(), 2);
    assert_eq!(found.positive[0], 3, "zeros are in the first bin");
    assert_eq!(found.positive[2047], 1, "the maximum is in the last bin");
    // 2 of 5 in 2048 bins: bin 819.2, rounded down.
    assert_eq!(found.positive[819], 1);
}

#[test]
fn query_key_and_value_share_the_widest_view() {
    let linears = [Linear::Query(0), Linear::Key(0), Linear::Value(0)];
    let shared = collect(
        &linears,
        &|_| false,
        NONE,
        &[batch(&[3])],
        &mut |_, observer: &mut dyn Observer| {
            observer.observe(Site::Input(Linear::Query(0)), &[1.0, 2.0], 2);
            observer.observe(
                Site::Input(Linear::Key(0)),
                &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
                2,
            );
            Ok(())
        },
    )
    .unwrap();
    for linear in linears {
        assert_eq!(shared[&linear].max, 6.0);
    }
}

/// All channels of the one site that there is stay as they are.
#[test]
fn a_model_in_which_nothing_changes_is_an_error() {
    for value in [0.0, 2.5] {
        let error = statistics(&[(batch(&[1]), vec![value; 2])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(
            error.to_string().contains("nothing to calibrate"),
            "{error}"
        );
    }
}

/// Of two sites one does, and the other gets a threshold from every calibrator that represents it.
#[test]
fn a_site_that_never_changes_is_quantised_like_any_other() {
    for value in [0.0, -2.5] {
        let sites = collect(
            &[POOLER, Linear::Classifier],
            &|_| true,
            NONE,
            &[batch(&[2])],
            &mut |_, o| {
                o.observe(Site::Input(POOLER), &[value; 4], 2);
                o.observe(Site::Input(Linear::Classifier), &[1.0, 2.0, 3.0, 4.0], 2);
                Ok(())
            },
        )
        .unwrap();
        let constant = &sites[&POOLER];
        assert_eq!(
            (constant.min, constant.max, constant.count()),
            (value, value, 4)
        );
        assert_eq!(constant.shift, None);
        for calibrator in Calibrator::ALL {
            let method = Method::new(calibrator, 0.999);
            let threshold = method.threshold(constant, 127);
            let peak = f64::from(value.abs());
            assert!(
                threshold >= 0.99 * peak && threshold <= 1.01 * peak,
                "{calibrator:?}: {threshold}"
            );
        }
    }
}

#[test]
fn values_that_are_not_finite_are_rejected() {
    for value in [f32::NAN, f32::INFINITY] {
        let error = statistics(&[(batch(&[1]), vec![1.0, value])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(
            error.to_string().contains("pooler.input are not finite"),
            "{error}"
        );
    }
}

#[test]
fn a_site_that_nobody_showed_is_an_error() {
    let error = collect(&[POOLER], &|_| false, NONE, &[batch(&[1])], &mut |_, _| {
        Ok(())
    })
    .unwrap_err();
    assert!(error.to_string().contains("pooler.input"), "{error}");
}

#[test]
fn channels_that_never_change_are_no_reason_to_stop() {
    let shifted = |values: Vec<f32>| {
        let show = &mut |_: &Batch, observer: &mut dyn Observer| {
            observer.observe(Site::Input(POOLER), &values, 2);
            Ok(())
        };
        collect(&[POOLER], &|_| true, NONE, &[batch(&[2])], show).unwrap()[&POOLER].clone()
    };
    // A dead channel beside one that lives: -2 and 2 about the middle.
    let found = shifted(vec![1.0, 0.0, 5.0, 0.0]);
    assert_eq!((found.min, found.max), (-2.0, 2.0));
    assert_eq!(found.shift.unwrap().middle, [3.0, 0.0]);
}
