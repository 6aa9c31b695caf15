//! Batches and models that do not fit: an error, never a label.

use act_core::quant::ActivationScheme;
use act_core::testing::{TinyInt8, multiplied_inputs, relative_positions};
use act_core::{Artifact, Batch, Embedding, ErrorKind, Linear, Tensor};
use act_infer::Engine;

use super::{batch, tiny};

#[test]
fn a_batch_outside_the_plan_is_the_users_mistake() {
    let engine = Engine::new(tiny(None)).unwrap();
    let good = batch(&[3, 4]);
    let changed = |change: fn(&mut Batch)| {
        let mut batch = good.clone();
        change(&mut batch);
        batch
    };
    let cases = [
        (
            changed(|b| b.input_ids[5] = 128),
            "sequence 1 has token id 128",
        ),
        (
            changed(|b| b.input_ids[0] = u32::MAX),
            "sequence 0 has token id",
        ),
        (
            changed(|b| b.token_type_ids[2] = 2),
            "sequence 0 has segment id 2",
        ),
        (
            changed(|b| b.lengths = vec![0, 7]),
            "sequence 0 has 0 tokens",
        ),
        (changed(|b| b.lengths = vec![3, 5]), "add up to 8"),
        (changed(|b| b.lengths = vec![usize::MAX, 8]), "too many"),
        (changed(|b| b.token_type_ids.truncate(6)), "6 segment ids"),
        (
            batch(&[2, 33]),
            "sequence 1 has 33 tokens, the model takes 1 to 32",
        ),
    ];
    for (batch, message) in cases {
        let error = engine.forward(&batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(message), "{error}");
    }
    assert!(engine.forward(&Batch::default()).unwrap().is_empty());
}

#[test]
fn what_does_not_fit_its_plan_is_rejected() {
    let weight = Linear::Query(0).weight();
    let changed = |change: &dyn Fn(&mut Artifact)| {
        let mut model = tiny(Some(TinyInt8 {
            weight_max: 63,
            ..TinyInt8::default()
        }));
        change(&mut model);
        Engine::new(model).err().expect("must be rejected")
    };
    let static_scale = |scale| {
        move |m: &mut Artifact| {
            let zero_point = 128;
            m.quant.linears[0].activation = ActivationScheme::Static { scale, zero_point };
        }
    };
    let multiplier = |number| {
        move |m: &mut Artifact| {
            *m = multiplied_inputs(m.clone(), 1.0);
            let name = Linear::Query(0).input_multiplier();
            m.params.insert(name, Tensor::f32([8], vec![number; 8]));
        }
    };
    let cases: Vec<(act_core::Error, &str)> = vec![
        (
            changed(&|m| drop(m.params.remove(&weight))),
            "no tensor encoder.layer.0",
        ),
        (
            changed(&|m| m.params.insert(&weight, Tensor::i8([4, 4], vec![0; 16]))),
            "is i8 [4, 4]",
        ),
        (
            changed(&|m| m.params.insert(&weight, Tensor::f32([8, 8], vec![0.0; 64]))),
            "is f32",
        ),
        (
            changed(&|m| m.params.insert(&weight, Tensor::i8([8, 8], vec![64; 64]))),
            "a weight is 64",
        ),
        (
            changed(&|m| m.params.insert(&weight, Tensor::i8([8, 8], vec![-128; 64]))),
            "is -128",
        ),
        (
            changed(&|m| m.quant.linears[0].weight_max = 0),
            "must be 1 to 127",
        ),
        (
            changed(&|m| m.quant.linears[0].activation_max = 200),
            "must be 1 to 127",
        ),
        (changed(&static_scale(0.0)), "not a scale"),
        (changed(&static_scale(f32::NAN)), "not a scale"),
        (changed(&static_scale(-1.0)), "not a scale"),
        (
            changed(&|m| m.plan.layers[0].head_dim = usize::MAX),
            "layer 0",
        ),
        (changed(&|m| m.plan.num_labels = 0), "one label"),
        (
            Engine::new(relative_positions(tiny(None))).err().unwrap(),
            "does not run disentangled attention",
        ),
        (
            changed(&|m| m.quant.linears[0].input_multiplier = true),
            "no tensor encoder.layer.0.attention.self.query.input_multiplier",
        ),
        (changed(&multiplier(0.0)), "is no number above 0"),
        (changed(&multiplier(f32::INFINITY)), "is no number above 0"),
        (changed(&multiplier(3e38)), "leaves no step"),
    ];
    for (error, message) in cases {
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn broken_weights_give_an_error_not_a_label() {
    for int8 in [
        None,
        Some(TinyInt8 {
            dynamic: true,
            ..TinyInt8::default()
        }),
    ] {
        let mut model = tiny(int8);
        let rows = model.plan.embeddings.vocab_size;
        match int8 {
            None => {
                let values = vec![f32::NAN; rows * 8];
                model
                    .params
                    .insert(Embedding::Word.weight(), Tensor::f32([rows, 8], values));
            }
            Some(_) => {
                let scales = vec![f32::INFINITY; rows];
                model
                    .params
                    .insert(Embedding::Word.scale(), Tensor::f32([rows], scales));
            }
        }
        let engine = Engine::new(model).unwrap();
        match engine.classify(&["abc"]) {
            // Integers hold no infinity, so an int8 model may give finite nonsense.
            Ok(answers) => assert!(answers[0].logits.iter().all(|x| x.is_finite())),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Failed),
        }
    }
}
