use super::*;
use act_core::{Linear, Norm};
use std::collections::BTreeSet;

#[test]
fn tensors_have_their_names() {
    let name = |family, ours: String| FamilyTable::of(family).tensor_of_classifier(&ours);
    for (family, ours, theirs) in [
        (
            Family::Bert,
            Linear::Query(3).weight(),
            "bert.encoder.layer.3.attention.self.query.weight",
        ),
        (
            Family::Bert,
            Linear::Pooler.bias(),
            "bert.pooler.dense.bias",
        ),
        (
            Family::DistilBert,
            Norm::Attention(11).weight(),
            "distilbert.transformer.layer.11.sa_layer_norm.weight",
        ),
        (
            Family::DistilBert,
            Linear::Pooler.weight(),
            "pre_classifier.weight",
        ),
        (
            Family::XlmRoberta,
            Linear::Classifier.bias(),
            "classifier.out_proj.bias",
        ),
        (
            Family::Electra,
            Linear::EmbeddingProjection.weight(),
            "electra.embeddings_project.weight",
        ),
        (
            Family::ModernBert,
            Linear::Gate(7).weight(),
            "model.layers.7.mlp.Wi.weight",
        ),
        (Family::ModernBert, Norm::Head.weight(), "head.norm.weight"),
        (
            Family::ModernBert,
            Norm::Final.weight(),
            "model.final_norm.weight",
        ),
    ] {
        assert_eq!(name(family, ours), theirs);
    }
}

#[test]
fn a_part_of_a_fused_tensor_is_known_by_its_place() {
    let table = FamilyTable::of(Family::ModernBert);
    assert_eq!(table.part(&Linear::Query(0).weight()), (0, 3));
    assert_eq!(table.part(&Linear::Value(21).bias()), (2, 3));
    assert_eq!(table.part(&Linear::Gate(3).weight()), (1, 2));
    assert_eq!(table.part(&Linear::Output(3).weight()), (0, 1));
    assert_eq!(
        FamilyTable::of(Family::Bert).part(&Linear::Query(0).weight()),
        (0, 1)
    );
}

#[test]
fn every_layer_of_a_group_is_each_repetitions() {
    let repeats = Some(Repeats { times: 3, inner: 2 });
    let name = |l| FamilyTable::of(Family::Albert).tensor(&Linear::Output(l).bias(), repeats);
    let place = |g, i| format!("encoder.albert_layer_groups.{g}.albert_layers.{i}");
    for (layer, (group, inner)) in [(0, 0), (0, 1), (0, 0), (0, 1), (0, 0), (0, 1), (1, 0)]
        .into_iter()
        .enumerate()
    {
        assert_eq!(name(layer), place(group, inner) + ".ffn_output.bias");
    }
}

#[test]
fn no_two_modules_have_one_name() {
    for table in &FAMILIES {
        let own: BTreeSet<_> = table.modules.iter().map(|(own, _)| own).collect();
        let theirs: BTreeSet<_> = table.modules.iter().map(|(_, theirs)| theirs).collect();
        assert_eq!(own.len(), table.modules.len());
        assert_eq!(theirs.len(), table.modules.len());
    }
}
