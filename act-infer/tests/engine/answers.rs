//! What the engine answers, from wherever the model comes and whoever asks.

use act_core::names::group_multipliers;
use act_core::quant::WeightBits;
use act_core::testing::{TinyInt8, in_four_bits};
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{
    Artifact, Batch, Columns, Encoding, ErrorKind, LayerPlan, Problem, ProblemKind, Tensor,
};
use act_infer::{Engine, Kernels};

use super::{batch, tiny};

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

/// Each product by itself, from the bytes of both tensors.
fn by_hand(mut model: Artifact, group: usize) -> Artifact {
    for (name, _) in model.quant.matrices() {
        let multipliers = model.params.remove(&group_multipliers(&name)).unwrap();
        let quarters = model.params.get(&name).unwrap();
        let [rows, columns] = *quarters.shape() else {
            panic!("{name} is no matrix")
        };
        let nibble = |tensor: &Tensor, row: usize, column: usize| {
            let width = tensor.bytes().len() / rows;
            tensor.bytes()[row * width + column / 2] >> (column % 2 * 4) & 15
        };
        let product = |r: usize, c: usize| {
            let q = i32::from(nibble(quarters, r, c));
            let q = if q > 7 { q - 16 } else { q };
            (q * (1 + i32::from(nibble(&multipliers, r, c / group)))) as i8
        };
        let all = (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c)));
        let integers: Vec<i8> = all.map(|(r, c)| product(r, c)).collect();
        model
            .params
            .insert(name, Tensor::i8([rows, columns], integers));
    }
    model.quant.set_bits(WeightBits::Eight);
    model
}

#[test]
fn four_bits_answer_as_the_integers_that_they_stand_for() {
    for (group, dynamic) in [(32, false), (64, true)] {
        let options = TinyOptions {
            hidden_size: 68,
            layers: vec![LayerPlan::full(2, 34, 131), LayerPlan::full(1, 7, 33)],
            int8: Some(TinyInt8 {
                dynamic,
                ..TinyInt8::default()
            }),
            ..TinyOptions::default()
        };
        let four = in_four_bits(tiny_artifact(3, &options), group);
        let four = Artifact::read(&four.to_bytes().unwrap()[..]).unwrap();
        let int8 = by_hand(four.clone(), group);
        assert!(four.file_len().unwrap() < int8.file_len().unwrap());
        let batch = batch(&[1, 9, 16]);
        let answers = [four, int8].map(|model| {
            let engine = Engine::new(model).unwrap();
            engine.forward(&batch).unwrap()
        });
        assert_eq!(answers[0], answers[1]);
    }
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
fn several_labels_and_scores_are_told_as_such() {
    let of = |kind, num_labels| {
        let options = TinyOptions {
            num_labels,
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(1, &options);
        model.task.problem = Problem::new(kind, num_labels);
        Engine::new(model).unwrap()
    };
    let several = of(ProblemKind::MultiLabel, 3);
    let answer = &several.classify(&["花呗怎么还款"]).unwrap()[0];
    let given = (0..3).filter(|&i| answer.logits[i] >= 0.0);
    assert_eq!(
        answer.labels,
        given.map(|i| format!("label {i}")).collect::<Vec<_>>()
    );
    for (probability, logit) in answer.probabilities.iter().zip(&answer.logits) {
        assert!((probability - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
    }
    let score = of(ProblemKind::Regression, 1);
    let answer = &score.classify(&["花呗怎么还款"]).unwrap()[0];
    assert_eq!(answer.score, Some(answer.logits[0]));
    assert!(answer.labels.is_empty() && answer.probabilities.is_empty());
}

#[test]
fn many_texts_are_answered_in_their_order_on_any_number_of_threads() {
    let engine = |threads| Engine::new(tiny(None)).unwrap().with_threads(threads);
    // Enough for three threads, and not the same number for each.
    let text = |i: usize| format!("{} {i}", "花呗怎么还款".repeat(i % 90));
    let texts: Vec<String> = (0..131).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(|&text| ("花", text)).collect();
    let (one, four) = (engine(1), engine(4));
    let answers = four.classify(&texts).unwrap();
    assert_eq!(answers, one.classify(&texts).unwrap());
    assert_eq!(answers[130..], one.classify(&texts[130..]).unwrap());
    let answers = four.classify_pairs(&pairs).unwrap();
    assert_eq!(answers, one.classify_pairs(&pairs).unwrap());
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
fn a_long_text_is_cut_to_what_the_model_takes_and_the_answer_says_so() {
    let engine = Engine::new(tiny(None)).unwrap();
    let most = engine.max_tokens();
    // [CLS] and [SEP] are tokens too.
    let texts = [most - 2, most - 1, 100_000].map(|n| "花".repeat(n));
    let texts = [&*texts[0], &*texts[1], &*texts[2]];
    let answers = engine.classify(&texts).unwrap();
    let tokens: Vec<usize> = answers.iter().map(|answer| answer.tokens).collect();
    assert_eq!(tokens, [most, most + 1, 100_002]);
    assert_eq!(
        answers[2].logits, answers[0].logits,
        "what is left is the same"
    );
}

#[test]
fn one_text_is_no_pair_and_a_pair_is_not_one_text() {
    let named = |name: &str| {
        let mut artifact = tiny(None);
        artifact.task.name = name.into();
        Engine::new(artifact).unwrap()
    };
    let refused = |answers: act_core::Result<Vec<_>>| {
        let error = answers
            .map(|_: Vec<act_infer::Classification>| ())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        error.to_string()
    };
    let (pairs, single) = (named("afqmc"), named("tnews"));
    assert!(pairs.classify_pairs(&[("花呗", "借款")]).is_ok());
    assert!(refused(pairs.classify(&["花呗"])).contains("the model takes two"));
    assert!(single.classify(&["花呗"]).is_ok());
    assert!(refused(single.classify_pairs(&[("花呗", "借款")])).contains("takes one text"));
    // Of a name that nobody knows, its columns say it.
    let mut artifact = tiny(None);
    artifact.task.columns = Some(Columns {
        text: "question".into(),
        pair: None,
        label: None,
    });
    let own = Engine::new(artifact).unwrap();
    let texts = [("花呗", None), ("花呗", Some("借款"))];
    assert!(own.encode(&texts[..1]).is_ok());
    assert!(
        own.encode(&texts)
            .unwrap_err()
            .to_string()
            .starts_with("text 1 is a pair")
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
