//! The losses that look inside the teacher, through the library, on the toy task.

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Embedding, Encoding, ErrorKind, LayerPlan, Linear, Result, Seed, Silent};
use act_core::{Site, Tensor, WordPieceSpec};
use act_distill::{Distilled, Options, distill};
use act_infer::Engine;
use act_nn::{Device, LayerPair, Objective, Rows, TeacherFeatures};
use act_stage::config::{Config, Distillation};
use act_train::Session;
use act_train::objective::{describe, objective};
use act_train::teacher::Features;

use crate::toy;

/// A configuration of which only the losses matter.
fn config(losses: Distillation) -> Config {
    let mut config = toy::config();
    config.distillation = losses;
    config.train.epochs = 1;
    config
}

fn everything() -> Distillation {
    Distillation {
        labels: Some(0.5),
        soft_labels: Some(1.0),
        pooled: Some(1.0),
        hidden: Some(1.0),
        relations: Some(1.0),
        ..Distillation::default()
    }
}

fn run(student: Artifact, teacher: Artifact, config: &Config) -> Result<Distilled> {
    let options = Options::new(config, true, Seed(42), 2)?;
    let data = toy::dataset(200);
    let mut session = Session::new(Device::NdArray, &Silent);
    distill(student, Some(teacher), &data, &options, &mut session)
}

/// A student out of pruning: one layer without heads, one without neurons.
fn pruned() -> Artifact {
    let mut student = tiny_artifact(
        4,
        &TinyOptions {
            hidden_size: 16,
            layers: vec![LayerPlan::full(1, 4, 0), LayerPlan::full(0, 4, 5)],
            num_labels: 3,
            ..TinyOptions::default()
        },
    );
    student.task.name = "toy".into();
    student
}

fn refusal(student: Artifact, teacher: Artifact, losses: Distillation) -> String {
    let error = run(student, teacher, &config(losses)).map(drop);
    let error = error.unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::Usage | ErrorKind::Rejected
    ));
    error.to_string()
}

#[test]
fn students_that_lost_blocks_learn_from_every_loss() {
    let mut config = config(everything());
    // Ten steps towards a random teacher need not make it better.
    config.train.validation_ratio = 0.0;
    let student = run(pruned(), toy::model(1), &config).unwrap();
    assert!(student.course.final_loss.is_finite());
}

#[test]
fn a_cache_changes_no_result() {
    let mut losses = everything();
    let mut digest = |cache: &str| {
        losses.cache = cache.parse().ok();
        let student = run(toy::model(2), toy::model(1), &config(losses.clone())).unwrap();
        student.artifact.model_digest().unwrap()
    };
    let kept = digest("2GB");
    assert_eq!(kept, digest("0"));
    assert_eq!(kept, digest("20kB"), "some kept, some computed again");
}

/// Random token ids.
fn encodings() -> Vec<Encoding> {
    let of_length = |n: usize| Encoding {
        input_ids: (0..n as u32).map(|t| 5 + (t * 7 + n as u32) % 90).collect(),
        token_type_ids: vec![0; n],
    };
    [4, 9, 1, 6].map(of_length).into()
}

#[test]
fn the_teachers_values_are_those_of_the_trainable_encoder() {
    let teacher = toy::model(1);
    let plan = &teacher.plan;
    let wanted = objective(&everything(), plan, plan, Ok(())).unwrap();
    let comparisons = wanted.comparisons();
    let encodings = encodings();
    let sites: Vec<Site> = comparisons.iter().map(|c| c.teacher).collect();
    let reference = act_nn::observe(Device::NdArray, &teacher, &encodings, &sites).unwrap();
    let engine = Engine::new(teacher.clone()).unwrap();
    let features = Features::new(&engine, &encodings, comparisons.clone(), 1 << 20);
    for _ in 0..2 {
        let values = features.values(&[2, 0, 1]).unwrap();
        for ((comparison, values), reference) in comparisons.iter().zip(&values).zip(&reference) {
            let width = 16;
            let rows = |i: usize| match comparison.rows {
                Rows::All => &reference[i][..],
                Rows::First => &reference[i][..width],
            };
            let want: Vec<f32> = [2, 0, 1]
                .into_iter()
                .flat_map(|i| rows(i).to_vec())
                .collect();
            assert_eq!(values.len(), want.len(), "{comparison:?}");
            for (got, want) in values.iter().zip(&want) {
                assert!(
                    (got - want).abs() < 1e-4,
                    "{comparison:?}: {got} is not {want}"
                );
            }
        }
    }
}

#[test]
fn layers_are_chosen_as_the_manual_says() {
    let plan = |layers: Vec<LayerPlan>| {
        let options = TinyOptions {
            hidden_size: 16,
            layers,
            ..TinyOptions::default()
        };
        tiny_artifact(1, &options).plan
    };
    let teacher = plan(vec![LayerPlan::full(4, 4, 8); 4]);
    let student = plan(vec![LayerPlan::full(3, 4, 8), LayerPlan::full(0, 4, 8)]);
    let chosen = objective(&everything(), &student, &teacher, Ok(())).unwrap();
    let pair = |student, teacher, rows| LayerPair {
        student,
        teacher,
        rows,
    };
    assert_eq!(
        chosen.hidden.pairs,
        [pair(0, 1, Rows::All), pair(1, 3, Rows::First)]
    );
    let projections = [
        (Linear::Query(0), Linear::Query(2)),
        (Linear::Key(0), Linear::Key(2)),
        (Linear::Value(0), Linear::Value(2)),
    ];
    assert_eq!(chosen.relations.pairs, projections);
    assert_eq!(chosen.relations.heads, 1, "16 dimensions a head, no less");
    let given = Distillation {
        layers: Some(vec![[0, 3]]),
        relation_layers: Some([0, 3]),
        relation_heads: Some(2),
        ..everything()
    };
    let given = objective(&given, &student, &teacher, Ok(())).unwrap();
    assert_eq!(given.hidden.pairs, [pair(0, 3, Rows::First)]);
    assert_eq!(
        given.relations.pairs,
        projections[1..]
            .iter()
            .map(|&(s, _)| match s {
                Linear::Key(_) => (s, Linear::Key(3)),
                _ => (s, Linear::Value(3)),
            })
            .collect::<Vec<_>>(),
        "no queries in a last layer"
    );
    assert_eq!(given.relations.heads, 2);
    assert_eq!(
        describe(&given),
        "labels 0.5, soft labels 1 (temperature 2), pooled 1, hidden 1 (layers 0-3), relations 1 \
         (layer.0.attention.key - layer.3.attention.key, \
         layer.0.attention.value - layer.3.attention.value; 2 heads)"
    );
}

#[test]
fn layers_and_heads_that_do_not_exist_are_refused() {
    let model = || toy::model(1);
    let refused = |change: &dyn Fn(&mut Distillation)| {
        let mut losses = everything();
        change(&mut losses);
        refusal(model(), model(), losses)
    };
    assert!(refused(&|l| l.layers = Some(vec![[2, 0]])).contains("Distillation.layers"));
    assert!(refused(&|l| l.relation_layers = Some([0, 7])).contains("the teacher has no layer 7"));
    assert!(refused(&|l| l.relation_heads = Some(3)).contains("3 does not divide the widths 16"));
    let labels = Distillation {
        labels: Some(1.0),
        ..Distillation::default()
    };
    assert!(refusal(model(), model(), labels).contains("the teacher would teach nothing"));
    let gone = Distillation {
        relation_layers: Some([1, 1]),
        ..everything()
    };
    assert!(refusal(pruned(), model(), gone).contains("layer 1 of the student has no attention"));
}

/// The teacher with its vocabulary turned round.
fn reread(teacher: &Artifact) -> Artifact {
    let mut other = teacher.clone();
    let tokens: Vec<&str> = teacher.tokenizer.word_piece().unwrap().tokens().collect();
    let vocab: String = tokens
        .iter()
        .rev()
        .map(|token| format!("{token}\n"))
        .collect();
    other.tokenizer = WordPieceSpec::from_vocab(&vocab).unwrap().into();
    other
}

#[test]
fn a_teacher_that_cannot_be_looked_into_is_an_error_for_losses_that_do() {
    let hidden = || Distillation {
        hidden: Some(1.0),
        ..Distillation::default()
    };
    let other_words = reread(&toy::model(1));
    let message = refusal(toy::model(2), other_words.clone(), hidden());
    assert!(message.contains("another vocabulary"), "{message}");
    let mut int8 = tiny_artifact(
        5,
        &TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        },
    );
    int8.task.name = "toy".into();
    let message = refusal(toy::model(2), int8, hidden());
    assert!(message.contains("int8"), "{message}");
    let wide = tiny_artifact(
        5,
        &TinyOptions {
            hidden_size: 24,
            layers: vec![LayerPlan::full(4, 4, 8)],
            ..TinyOptions::default()
        },
    );
    let message = refusal(toy::model(2), wide.clone(), hidden());
    assert!(message.contains("width 24"), "{message}");
    // The automatic combination does without.
    let automatic = config(Distillation::default());
    assert!(run(toy::model(2), other_words, &automatic).is_ok());
    // Relations are free of widths.
    let relations = Distillation {
        relations: Some(1.0),
        ..Distillation::default()
    };
    assert!(run(toy::model(2), wide, &config(relations)).is_ok());
}

#[test]
fn values_that_are_not_finite_are_named() {
    let mut teacher = toy::model(1);
    let name = Embedding::Word.weight();
    let shape = teacher.params.get(&name).unwrap().shape().to_vec();
    let mut values = teacher.params.f32(&name).unwrap().to_vec();
    values.fill(f32::NAN);
    teacher.params.insert(&name, Tensor::f32(shape, values));
    let engine = Engine::new(teacher.clone()).unwrap();
    let wanted = objective(&everything(), &teacher.plan, &teacher.plan, Ok(())).unwrap();
    let encodings = encodings();
    let features = Features::new(&engine, &encodings, wanted.comparisons(), 0);
    let error = features.values(&[1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("training example 1"), "{error}");
    assert!(!Objective::LABELS.looks_inside());
}
