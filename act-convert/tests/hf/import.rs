//! What comes in: spellings, number types, heads, tokenizers.

use std::fs;

use act_convert::ImportOptions;
use act_convert::hf;
use act_convert::onnx::ActivationType;
use act_core::plan::{Head, Pooling};
use act_core::{Artifact, Batch, ErrorKind, Family, Linear, Site, Tensor};
use act_infer::{Engine, Observer};
use half::{bf16, f16};
use serde_json::json;

use super::folder::{Folder, Stored, as_transformers, logits, options, refused, tiny};

fn imported(folder: &Folder) -> Artifact {
    hf::import(folder.write().path(), &options()).unwrap()
}

fn same_params(a: &Artifact, b: &Artifact) {
    assert_eq!(a.params.len(), b.params.len());
    for (name, tensor) in a.params.iter() {
        assert!(
            tensor.bytes() == b.params.get(name).unwrap().bytes(),
            "{name}"
        );
    }
}

#[test]
fn every_spelling_of_the_names_gives_the_same_model() {
    for family in [Family::Bert, Family::Ernie] {
        let model = tiny(family);
        let mut folder = Folder::of(&model);
        let plain = imported(&folder);
        assert_eq!(plain.plan, model.plan);
        assert_eq!(plain.task.labels, model.task.labels);
        assert_eq!(plain.task.max_seq_length, 24);
        assert_eq!(plain.tokenizer, as_transformers(&model.tokenizer));
        assert_eq!(plain.task.head_trained, None);
        same_params(&plain, &model);
        assert_eq!(logits(plain), logits(model.clone()));

        folder.rename(|name| name.replace("LayerNorm.weight", "LayerNorm.gamma"));
        folder.rename(|name| name.replace("LayerNorm.bias", "LayerNorm.beta"));
        same_params(&imported(&folder), &model);
        let prefix = format!("{}.", family.name());
        folder.rename(|name| name.replace(&prefix, ""));
        same_params(&imported(&folder), &model);
    }
}

#[test]
fn what_programs_wrap_a_model_in_is_taken_off() {
    let model = tiny(Family::Bert);
    for wrapper in [
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "_forward_module.model.",
    ] {
        let mut folder = Folder::of(&model);
        folder.rename(|name| format!("{wrapper}{name}"));
        same_params(&imported(&folder), &model);
    }
    // Of some tensors alone it is no wrapper, and the name that is there is told.
    let mut folder = Folder::of(&model);
    folder.rename(|name| {
        let wrapper = if name.contains("word_embeddings") {
            "module."
        } else {
            ""
        };
        format!("{wrapper}{name}")
    });
    let error = refused(folder.write().path(), &options());
    let name = "bert.embeddings.word_embeddings.weight";
    assert!(
        error.contains(&format!("\"module.{name}\" is there")),
        "{error}"
    );
    folder = Folder::of(&model);
    folder.rename(|name| format!("encoder_q.{name}"));
    let error = refused(folder.write().path(), &options());
    assert!(error.contains("\"encoder_q."), "{error}");
}

#[test]
fn half_precision_becomes_single_precision_exactly() {
    let model = tiny(Family::Bert);
    let rounded = |round: fn(f32) -> f32| {
        let mut model = model.clone();
        model.params = model
            .params
            .iter()
            .map(|(name, tensor)| {
                let values: &[f32] = bytemuck::cast_slice(tensor.bytes());
                let values: Vec<f32> = values.iter().map(|&v| round(v)).collect();
                (name.to_string(), Tensor::f32(tensor.shape(), values))
            })
            .collect();
        model
    };
    let mut folder = Folder::of(&model);
    folder.stored = Stored::F16;
    same_params(&imported(&folder), &rounded(|v| f16::from_f32(v).to_f32()));
    folder.stored = Stored::Bf16;
    same_params(&imported(&folder), &rounded(|v| bf16::from_f32(v).to_f32()));
}

#[test]
fn a_bare_encoder_gets_the_head_of_a_new_model() {
    let model = tiny(Family::Bert);
    let mut folder = Folder::of(&model);
    folder.make_bare();
    let labels = ["a", "b", "c", "d"].map(String::from).to_vec();
    let with_labels = ImportOptions {
        labels: Some(labels.clone()),
        ..options()
    };
    for without_pooler in [false, true] {
        if without_pooler {
            folder.drop_tensors("pooler");
        }
        let bare = hf::import(folder.write().path(), &with_labels).unwrap();
        assert_eq!(bare.task.labels, labels);
        assert_eq!(bare.task.head_trained, Some(false));
        let new = act_convert::init::params(&bare.plan, with_labels.seed);
        let same = |part: Linear, other: &act_core::Params| {
            let name = part.weight();
            bare.params.f32(&name).unwrap() == other.f32(&name).unwrap()
        };
        assert!(same(Linear::Classifier, &new));
        assert_eq!(same(Linear::Pooler, &new), without_pooler);
        assert_eq!(same(Linear::Pooler, &model.params), !without_pooler);
        assert!(same(Linear::Query(1), &model.params));
    }
    let nameless = hf::import(folder.write().path(), &options());
    let error = nameless.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(
        error.to_string().contains("no classification head"),
        "{error}"
    );
    let afqmc = ImportOptions {
        task: Some("AFQMC".into()),
        ..options()
    };
    let stsb = ImportOptions {
        task: Some("stsb".into()),
        ..options()
    };
    let stsb = hf::import(folder.write().path(), &stsb).unwrap();
    assert_eq!(stsb.task.problem, act_core::Problem::Regression);
    assert_eq!(stsb.task.labels, ["score"]);
    let afqmc = hf::import(folder.write().path(), &afqmc).unwrap();
    assert_eq!(afqmc.task.name, "afqmc");
    assert_eq!(afqmc.task.labels, ["0", "1"]);
}

#[test]
fn a_sentence_encoder_is_read_by_the_mean_that_it_was_trained_for() {
    let model = tiny(Family::Bert);
    let mut folder = Folder::of(&model);
    let with_labels = ImportOptions {
        labels: Some(["a", "b", "c"].map(String::from).to_vec()),
        ..options()
    };
    let import = |folder: &Folder, mode: &str| {
        let dir = folder.write();
        fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        let json = format!("{{\"{mode}\": true}}");
        fs::write(dir.path().join("1_Pooling/config.json"), json).unwrap();
        hf::import(dir.path(), &with_labels).unwrap()
    };
    // A classifier has the head that it was trained with.
    let trained = import(&folder, "pooling_mode_mean_tokens");
    assert_eq!(trained.plan.head, Head::BERT);
    folder.make_bare();
    let first = import(&folder, "pooling_mode_cls_token");
    assert_eq!(first.plan.head, Head::BERT);

    let mean = import(&folder, "pooling_mode_mean_tokens");
    let head = mean.plan.head;
    assert_eq!((head.pooling, head.dense), (Pooling::Mean, None));
    assert_eq!(mean.task.head_trained, Some(false));
    assert!(mean.params.f32(&Linear::Pooler.weight()).is_err());

    // The same from the last layer's states: their mean times the classifier.
    #[derive(Default)]
    struct Last(Vec<f32>, Vec<f32>);
    impl Observer for Last {
        fn observe(&mut self, site: Site, values: &[f32], _: usize) {
            match site {
                Site::Hidden(1) => self.0 = values.to_vec(),
                Site::Input(Linear::Classifier) => self.1 = values.to_vec(),
                _ => {}
            }
        }
    }
    let hidden = mean.plan.hidden_size;
    let engine = Engine::new(mean.clone()).unwrap();
    let encoding = engine.tokenizer().unwrap().encode("a b c", None).unwrap();
    let mut last = Last::default();
    engine
        .forward_observed(&Batch::new([&encoding]), &mut last)
        .unwrap();
    assert_eq!(last.0.len(), encoding.len() * hidden);
    for (i, found) in last.1.iter().enumerate() {
        let sum: f32 = last.0.iter().skip(i).step_by(hidden).sum();
        assert!((found - sum / encoding.len() as f32).abs() < 1e-6);
    }
    let dir = tempfile::tempdir().unwrap();
    let error = hf::export(&mean, &dir.path().join("out")).unwrap_err();
    assert!(error.to_string().contains("its head"), "{error}");
    act_convert::onnx::export(&mean, ActivationType::Int8).unwrap();
}

#[test]
fn pretraining_heads_and_position_numbers_are_left_aside() {
    let model = tiny(Family::Bert);
    let mut folder = Folder::of(&model);
    let ids = (
        "bert.embeddings.position_ids".into(),
        vec![1, 2],
        vec![0.0; 2],
    );
    let head = ("cls.seq_relationship.bias".into(), vec![2], vec![0.0; 2]);
    folder.tensors.extend([ids, head]);
    same_params(&imported(&folder), &model);
}

#[test]
fn the_tokenizer_comes_from_either_file() {
    let model = tiny(Family::Bert);
    let mut folder = Folder::of(&model);
    let vocab: serde_json::Map<_, _> = model
        .tokenizer
        .word_piece()
        .unwrap()
        .tokens()
        .enumerate()
        .map(|(id, token)| (token.to_string(), json!(id)))
        .collect();
    folder.tokenizer = Some(json!({
        "added_tokens": [{"id": 0, "content": "[PAD]"}],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "lowercase": false,
            "strip_accents": null, "handle_chinese_chars": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "continuing_subword_prefix": "##", "vocab": vocab,
            "max_input_chars_per_word": 50},
    }));
    folder.vocab = None;
    let lower = imported(&folder).tokenizer;
    let lower = lower.word_piece().unwrap();
    assert_eq!(lower.vocab, model.tokenizer.word_piece().unwrap().vocab);
    assert_eq!((lower.lowercase, lower.max_word_chars), (true, 50));
    folder.tokenizer_config = None;
    let cased = imported(&folder).tokenizer;
    let cased = cased.word_piece().unwrap();
    assert_eq!((cased.lowercase, cased.strip_accents), (false, false));

    folder.tokenizer.as_mut().unwrap()["model"]["type"] = json!("BPE");
    let error = refused(folder.write().path(), &options());
    assert!(
        error.contains("tokenizer.json: model.type is \"BPE\""),
        "{error}"
    );
    folder.tokenizer = None;
    let error = hf::import(folder.write().path(), &options()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("no vocab.txt"), "{error}");
}

#[test]
fn a_padded_word_table_gets_tokens_that_no_text_has() {
    let model = tiny(Family::Bert);
    let mut folder = Folder::of(&model);
    let vocab = folder.vocab.take().unwrap();
    let shorter: String = vocab.lines().take(100).map(|t| format!("{t}\n")).collect();
    folder.vocab = Some(shorter);
    let tokenizer = imported(&folder).tokenizer;
    assert_eq!(tokenizer.vocab_size(), 128);
    assert_eq!(
        tokenizer.word_piece().unwrap().tokens().nth(127),
        Some("[no token 127]")
    );
    folder.vocab = Some(vocab + "one more\n");
    let error = refused(folder.write().path(), &options());
    assert!(error.contains("vocab.txt: 129 tokens"), "{error}");
}

#[test]
fn pruned_heads_are_the_original_numbers() {
    let mut model = tiny(Family::Bert);
    model.plan.layers[1].kept_heads = vec![1];
    for part in [Linear::Query(1), Linear::Key(1), Linear::Value(1)] {
        for (name, shape) in [(part.weight(), vec![4, 8]), (part.bias(), vec![4])] {
            let kept = model.params.f32(&name).unwrap();
            let kept = kept[kept.len() / 2..].to_vec();
            model.params.insert(name, Tensor::f32(shape, kept));
        }
    }
    let name = Linear::AttentionOutput(1).weight();
    let rows = model.params.f32(&name).unwrap().chunks(8);
    let kept: Vec<f32> = rows.flat_map(|row| row[4..].to_vec()).collect();
    model.params.insert(name, Tensor::f32([8, 4], kept));
    let mut folder = Folder::of(&model);
    folder.config["pruned_heads"] = json!({"1": [0]});
    assert_eq!(imported(&folder).plan, model.plan);
    assert_eq!(logits(imported(&folder)), logits(model));

    folder.config["pruned_heads"] = json!({"0": [0]});
    let error = refused(folder.write().path(), &options());
    assert!(
        error.contains("layer.0.attention.self.query.weight"),
        "{error}"
    );
}

#[test]
fn the_users_choices_come_first() {
    let folder = Folder::of(&tiny(Family::Bert)).write();
    let vocab = folder.path().join("other.txt");
    fs::write(&vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nown\n").unwrap();
    let chosen = ImportOptions {
        task: Some("mine".into()),
        labels: Some(["x", "y", "z"].map(String::from).to_vec()),
        max_seq_length: Some(9),
        vocab: Some(vocab),
        ..options()
    };
    let model = hf::import(folder.path(), &chosen).unwrap();
    assert_eq!(
        (model.task.name.as_str(), model.task.max_seq_length),
        ("mine", 9)
    );
    assert_eq!(model.task.labels, ["x", "y", "z"]);
    assert_eq!(
        model.tokenizer.word_piece().unwrap().tokens().nth(5),
        Some("own")
    );
    for max_seq_length in [2, 33] {
        let chosen = ImportOptions {
            max_seq_length: Some(max_seq_length),
            ..options()
        };
        let error = hf::import(folder.path(), &chosen).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
