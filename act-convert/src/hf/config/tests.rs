use super::*;

fn refused(changes: Value, words: &str) {
    let mut config = json!({"model_type": "bert", "vocab_size": 100});
    let object = config.as_object_mut().unwrap();
    object.extend(changes.as_object().unwrap().clone());
    let error = read(&config).unwrap_err();
    assert_eq!(error.kind(), act_core::ErrorKind::Rejected);
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_computes_otherwise_is_refused_by_its_key() {
    refused(json!({"model_type": "xlnet"}), "model_type \"xlnet\"");
    refused(json!({"model_type": 3}), "model_type 3");
    let deberta = json!({"model_type": "deberta-v2"});
    refused(
        deberta,
        "model_type \"deberta-v2\" is not supported (disentangled attention): bert,",
    );
    refused(json!({"hidden_act": "silu"}), "hidden_act \"silu\"");
    let relative = json!({"position_embedding_type": "relative_key"});
    refused(relative, "position_embedding_type \"relative_key\"");
    refused(json!({"is_decoder": true}), "is_decoder");
    refused(
        json!({"problem_type": "ranking"}),
        "problem_type \"ranking\"",
    );
    refused(json!({"quantization_config": {}}), "quantization_config");
}

#[test]
fn numbers_are_bounded() {
    refused(
        json!({"num_hidden_layers": 1_000_000_000}),
        "num_hidden_layers is 1000000000: it must be 1 to 48",
    );
    for key in [
        "hidden_size",
        "num_attention_heads",
        "intermediate_size",
        "vocab_size",
        "max_position_embeddings",
        "type_vocab_size",
    ] {
        for value in [
            json!(0),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!("7"),
        ] {
            refused(json!({key: value}), key);
        }
    }
    refused(json!({"layer_norm_eps": 0}), "layer_norm_eps");
    refused(json!({"num_attention_heads": 5}), "not a multiple");
}

#[test]
fn pruned_heads_are_the_layers_own() {
    let config = json!({"model_type": "ernie", "vocab_size": 9, "num_hidden_layers": 2,
        "num_attention_heads": 4, "hidden_size": 8, "pruned_heads": {"1": [0, 2]}});
    let plan = read(&config).unwrap().plan;
    assert_eq!(plan.layers[0].kept_heads, [0, 1, 2, 3]);
    assert_eq!(plan.layers[1].kept_heads, [1, 3]);
    assert_eq!(
        (plan.family, plan.embeddings.task_type_vocab_size),
        (Family::Bert, 0)
    );
    let all: Vec<u32> = (0..12).collect();
    for wrong in [
        json!([1]),
        json!({"x": [1]}),
        json!({"12": [1]}),
        json!({"0": [12]}),
        json!({"0": all}),
        json!({"0": [-1]}),
    ] {
        refused(json!({"pruned_heads": wrong}), "pruned_heads is");
    }
}

#[test]
fn the_parts_of_a_family_are_its_tables() {
    let plan = |config: Value| read(&config).unwrap().plan;
    let roberta = plan(json!({"model_type": "roberta", "vocab_size": 9,
        "max_position_embeddings": 514, "type_vocab_size": 1}));
    assert_eq!(roberta.embeddings.longest, 512);
    assert_eq!(roberta.embeddings.position_offset(), Some(2));
    assert_eq!(roberta.head, Head::BERT);
    let electra = plan(json!({"model_type": "electra", "vocab_size": 9}));
    assert_eq!((electra.embeddings.width, electra.hidden_size), (128, 256));
    let distil = plan(
        json!({"model_type": "distilbert", "vocab_size": 9, "dim": 24,
        "n_heads": 3, "hidden_dim": 7, "n_layers": 2, "activation": "relu"}),
    );
    assert_eq!(distil.layers, vec![LayerPlan::full(3, 8, 7); 2]);
    assert_eq!(distil.embeddings.type_vocab_size, 0);
    assert_eq!(distil.block.activation, Activation::Relu);
    let albert = read(&json!({"model_type": "albert", "vocab_size": 9,
        "num_hidden_groups": 3, "inner_group_num": 2}));
    let albert = albert.unwrap();
    assert_eq!(albert.plan.layers.len(), 24);
    assert_eq!(albert.repeats, Some(Repeats { times: 4, inner: 2 }));
}

#[test]
fn what_a_family_cannot_be_is_refused() {
    let albert = |key: &str, value: u64| json!({"model_type": "albert", key: value});
    refused(albert("num_hidden_groups", 5), "not a multiple");
    refused(albert("inner_group_num", 5), "60 layers");
    refused(albert("embedding_size", 4096), "equal widths");
    for pad in [json!(null), json!(-1), json!(511)] {
        refused(
            json!({"model_type": "roberta", "pad_token_id": pad}),
            "pad_token_id",
        );
    }
    refused(
        json!({"model_type": "distilbert", "dim": 24, "hidden_size": 48}),
        "dim and hidden_size disagree",
    );
}

#[test]
fn ernie_has_a_task_table_where_it_is_used() {
    let config = json!({"model_type": "ernie", "vocab_size": 9, "use_task_id": true});
    let plan = read(&config).unwrap().plan;
    assert_eq!(
        (plan.family, plan.embeddings.task_type_vocab_size),
        (Family::Ernie, 3)
    );
}

fn modern(changes: Value) -> Value {
    let mut config = json!({"model_type": "modernbert", "vocab_size": 100, "num_hidden_layers": 4});
    let object = config.as_object_mut().unwrap();
    object.extend(changes.as_object().unwrap().clone());
    config
}

#[test]
fn a_modernbert_is_what_either_version_of_transformers_says() {
    let windows = |changes: Value| -> Vec<usize> {
        let layers = read(&modern(changes)).unwrap().plan.layers;
        layers
            .iter()
            .map(|layer| layer.window.map_or(0, |w| w.get()))
            .collect()
    };
    assert_eq!(windows(json!({})), [0, 64, 64, 0]);
    let every = json!({"global_attn_every_n_layers": 2, "local_attention": 11});
    assert_eq!(windows(every), [0, 5, 0, 5]);
    let kinds = [
        "sliding_attention",
        "full_attention",
        "full_attention",
        "sliding_attention",
    ];
    assert_eq!(windows(json!({"layer_types": kinds})), [64, 0, 0, 64]);

    let bases = |changes: Value| read(&modern(changes)).unwrap().plan.embeddings.positions;
    let rotary = |global_theta, local_theta| {
        vec![Position::Rotary {
            global_theta,
            local_theta,
        }]
    };
    assert_eq!(bases(json!({})), rotary(160_000.0, 10_000.0));
    let four = json!({"global_rope_theta": 5e4, "local_rope_theta": null});
    assert_eq!(bases(four), rotary(5e4, 5e4));
    let five = json!({"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 7e4},
        "sliding_attention": null}});
    assert_eq!(bases(five), rotary(7e4, 10_000.0));
    let plan = read(&modern(json!({"norm_bias": true}))).unwrap().plan;
    assert!(plan.block.norm_bias && !plan.block.attention_bias && plan.block.gated);
    assert_eq!(plan.layer_norm_eps, 1e-5);
}

#[test]
fn a_modernbert_that_computes_otherwise_is_refused_by_its_key() {
    let refused = |changes: Value, words: &str| {
        let error = read(&modern(changes)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(
        json!({"classifier_pooling": "max"}),
        "classifier_pooling \"max\"",
    );
    refused(
        json!({"classifier_activation": "silu"}),
        "classifier_activation \"silu\"",
    );
    refused(json!({"attention_bias": 1}), "attention_bias is 1");
    refused(json!({"rope_scaling": {"type": "linear"}}), "rope_scaling");
    refused(json!({"local_attention": 1}), "local_attention is 1");
    refused(json!({"layer_types": ["full_attention"]}), "layer_types is");
    refused(
        json!({"layer_types": vec!["chunked_attention"; 4]}),
        "layer_types is",
    );
    let yarn = json!({"full_attention": {"rope_type": "yarn", "rope_theta": 1e4}});
    refused(json!({"rope_parameters": yarn}), "rope_type \"yarn\"");
    let odd = json!({"hidden_size": 15, "num_attention_heads": 3});
    refused(odd, "heads of an odd size");
    let theta = json!({"full_attention": {"rope_theta": -1}});
    refused(json!({"rope_parameters": theta}), "rope_theta is -1");
}
