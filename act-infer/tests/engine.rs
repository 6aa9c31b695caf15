//! The engine's surface: texts, observers, and every way to misuse it.

use std::collections::BTreeMap;

use act_core::quant::ActivationScheme;
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, Embedding, Encoding, ErrorKind, Linear, Site, Tensor};
use act_infer::{Engine, Kernels, Observer};

fn tiny(int8: Option<TinyInt8>) -> Artifact {
    tiny_artifact(
        1,
        &TinyOptions {
            int8,
            ..TinyOptions::default()
        },
    )
}

fn batch(lengths: &[usize]) -> Batch {
    let tokens: usize = lengths.iter().sum();
    Batch {
        input_ids: (0..tokens as u32).map(|i| 5 + i * 13 % 100).collect(),
        token_type_ids: vec![0; tokens],
        lengths: lengths.to_vec(),
    }
}

#[test]
fn engines_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Engine>();
}

/// Callers share the pool's threads, and each gets its own answers.
#[test]
fn callers_at_the_same_time_do_not_mix() {
    let engine = Engine::new(tiny(None)).unwrap().with_threads(3);
    let batches: Vec<Batch> = (1..9).map(|n| batch(&vec![n; 40 - n])).collect();
    let expected: Vec<_> = batches.iter().map(|b| engine.forward(b).unwrap()).collect();
    std::thread::scope(|scope| {
        for (batch, expected) in batches.iter().zip(&expected) {
            let engine = &engine;
            scope.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(&engine.forward(batch).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn texts_and_pairs_are_classified() {
    for int8 in [None, Some(TinyInt8::default())] {
        let engine = Engine::new(tiny(int8)).unwrap();
        let answers = engine.classify(&["花呗怎么还款", "", "abc"]).unwrap();
        assert_eq!(answers.len(), 3);
        for answer in &answers {
            assert_eq!(answer.label, format!("label {}", answer.class));
            assert!((answer.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let top = answer.logits[answer.class];
            assert!(answer.logits.iter().all(|&x| x <= top));
        }
        let pairs = engine
            .classify_pairs(&[("花呗", "借款"), ("借款", "花呗")])
            .unwrap();
        assert_ne!(pairs[0].logits, pairs[1].logits);
        assert_eq!(engine.classify(&[]).unwrap(), []);
    }
}

#[test]
fn a_mapped_file_gives_the_answers_of_the_model_in_memory() {
    for int8 in [None, Some(TinyInt8::default())] {
        let model = tiny(int8);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), model.to_bytes().unwrap()).unwrap();
        let batch = batch(&[4, 17]);
        let mapped = Engine::open(file.path()).unwrap().forward(&batch);
        let bytes = model.to_bytes().unwrap();
        let read = Engine::from_bytes(&bytes).unwrap().forward(&batch);
        let owned = Engine::new(model).unwrap().forward(&batch).unwrap();
        assert_eq!(mapped.unwrap(), owned);
        assert_eq!(read.unwrap(), owned);
    }
}

#[test]
fn a_long_text_is_cut_to_what_the_model_takes() {
    let engine = Engine::new(tiny(None)).unwrap();
    assert_eq!(
        engine
            .classify(&["花".repeat(100_000).as_str()])
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_engine_tells_what_it_is() {
    let model = tiny(Some(TinyInt8::default()));
    let engine = Engine::new(model.clone()).unwrap();
    assert_eq!(engine.plan(), &model.plan);
    assert_eq!(engine.task(), &model.task);
    assert_eq!(engine.quant().precision(), "int8");
    assert!(engine.provenance().is_empty() && !engine.synthetic());
    assert_eq!(engine.with_kernels(Kernels::Generic).kernels(), "generic");
    assert!(Kernels::available().starts_with(&[Kernels::Generic]));
}

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
        let rows = model.plan.vocab_size;
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

/// Remembers how many rows and columns each site had, in order.
#[derive(Default)]
struct Shapes {
    order: Vec<Site>,
    shapes: BTreeMap<Site, (usize, usize)>,
    values: BTreeMap<Site, Vec<f32>>,
}

impl Observer for Shapes {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        self.order.push(site);
        let shape = (values.len() / columns, columns);
        assert!(self.shapes.insert(site, shape).is_none(), "{site} twice");
        self.values.insert(site, values.to_vec());
    }
}

#[test]
fn an_observer_sees_every_site_once_and_changes_nothing() {
    let engine = Engine::new(tiny(None)).unwrap();
    let batch = batch(&[5, 30, 32, 32, 32, 9]); // More than one block.
    let mut seen = Shapes::default();
    let logits = engine.forward_observed(&batch, &mut seen).unwrap();
    assert_eq!(logits, engine.forward(&batch).unwrap());
    assert_eq!(seen.values[&Site::Logits], logits.concat());

    let (tokens, sequences) = (batch.tokens(), 6);
    // Layer 0: 2 heads of 4, 12 neurons. Layer 1, the last: 1 head of 4, 7 neurons.
    let expected = [
        (Site::EmbeddingsOutput, (tokens, 8)),
        (Site::Input(Linear::Query(0)), (tokens, 8)),
        (Site::Projection(Linear::Query(0)), (tokens, 8)),
        (Site::Input(Linear::Key(0)), (tokens, 8)),
        (Site::Projection(Linear::Key(0)), (tokens, 8)),
        (Site::Input(Linear::Value(0)), (tokens, 8)),
        (Site::Projection(Linear::Value(0)), (tokens, 8)),
        (Site::Heads(0), (tokens, 8)),
        (Site::Input(Linear::AttentionOutput(0)), (tokens, 8)),
        (Site::Input(Linear::Intermediate(0)), (tokens, 8)),
        (Site::Intermediate(0), (tokens, 12)),
        (Site::Input(Linear::Output(0)), (tokens, 12)),
        (Site::Hidden(0), (tokens, 8)),
        (Site::Input(Linear::Query(1)), (sequences, 8)),
        (Site::Projection(Linear::Query(1)), (sequences, 4)),
        (Site::Input(Linear::Key(1)), (tokens, 8)),
        (Site::Projection(Linear::Key(1)), (tokens, 4)),
        (Site::Input(Linear::Value(1)), (tokens, 8)),
        (Site::Projection(Linear::Value(1)), (tokens, 4)),
        (Site::Heads(1), (sequences, 4)),
        (Site::Input(Linear::AttentionOutput(1)), (sequences, 4)),
        (Site::Input(Linear::Intermediate(1)), (sequences, 8)),
        (Site::Intermediate(1), (sequences, 7)),
        (Site::Input(Linear::Output(1)), (sequences, 7)),
        (Site::Hidden(1), (sequences, 8)),
        (Site::Input(Linear::Pooler), (sequences, 8)),
        (Site::Input(Linear::Classifier), (sequences, 8)),
        (Site::Logits, (sequences, 3)),
    ];
    assert_eq!(seen.order, expected.map(|(site, _)| site));
    for (site, shape) in expected {
        assert_eq!(seen.shapes[&site], shape, "{site}");
    }
    assert_eq!(
        seen.values[&Site::Heads(0)],
        seen.values[&Site::Input(Linear::AttentionOutput(0))]
    );
    assert_eq!(
        seen.values[&Site::Hidden(0)],
        seen.values[&Site::Input(Linear::Key(1))]
    );
}

#[test]
fn layer_by_layer_is_the_same_pass() {
    let engine = Engine::new(tiny(None)).unwrap();
    let batch = batch(&[5, 30, 32, 32, 32, 9]);
    let mut whole = Shapes::default();
    let logits = engine.forward_observed(&batch, &mut whole).unwrap();
    let mut stream = engine.embed(&batch).unwrap();
    assert_eq!(stream.values(), whole.values[&Site::EmbeddingsOutput]);
    let mut seen = Shapes::default();
    for layer in 0..2 {
        assert_eq!(engine.finish(&batch, stream.clone()).unwrap(), logits);
        engine.step(&batch, &mut stream, Some(&mut seen)).unwrap();
        assert_eq!(stream.values(), whole.values[&Site::Hidden(layer)]);
    }
    assert_eq!(engine.finish(&batch, stream.clone()).unwrap(), logits);
    for (site, values) in &seen.values {
        assert_eq!(values, &whole.values[site], "{site}");
    }
    assert!(
        engine.step(&batch, &mut stream, None).is_err(),
        "no layer is left"
    );
    let mut other = engine.embed(&batch).unwrap();
    let fewer = Batch::new(&[]);
    assert!(engine.step(&fewer, &mut other, None).is_err());
    assert!(engine.finish(&fewer, stream).is_err());
}

#[test]
fn a_quantised_model_is_not_observed() {
    let engine = Engine::new(tiny(Some(TinyInt8::default()))).unwrap();
    let error = engine
        .forward_observed(&batch(&[3]), &mut Shapes::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

/// One linear float in a model otherwise int8, and one int8 in a model otherwise float.
#[test]
fn precision_is_mixed_linear_by_linear() {
    let (float, int8) = (tiny(None), tiny(Some(TinyInt8::default())));
    let batch = batch(&[7, 12]);
    let forward = |model: &Artifact| Engine::new(model.clone()).unwrap().forward(&batch).unwrap();
    let close = |a: &[Vec<f32>], b: &[Vec<f32>], tolerance: f32| {
        a.iter()
            .flatten()
            .zip(b.iter().flatten())
            .all(|(a, b)| (a - b).abs() < tolerance)
    };
    for linear in float.plan.linears() {
        let mut mixed = float.clone();
        let names = [linear.weight(), linear.scale()];
        for name in names {
            mixed
                .params
                .insert(&name, int8.params.get(&name).unwrap().clone());
        }
        mixed.quant.linears = vec![int8.quant.linear(linear).unwrap().clone()];
        let (exact, rounded) = (forward(&float), forward(&mixed));
        assert_ne!(exact, rounded, "{linear} was not quantised");
        assert!(
            close(&exact, &rounded, 0.3),
            "{linear}: {exact:?} {rounded:?}"
        );
    }
}

#[test]
fn a_pad_inside_a_sequence_is_no_key() {
    let engine = Engine::new(tiny(None)).unwrap();
    let forward = |ids: &[u32]| {
        let sequence = Encoding {
            input_ids: ids.to_vec(),
            token_type_ids: vec![0; ids.len()],
        };
        engine.forward(&Batch::new([&sequence])).unwrap()
    };
    // Pads behind the text keep every position: the answer is that of the text alone.
    assert_eq!(forward(&[2, 9, 11, 3]), forward(&[2, 9, 11, 3, 0, 0]));
    assert_ne!(forward(&[2, 9, 11, 3]), forward(&[2, 9, 11, 3, 1]));
}
