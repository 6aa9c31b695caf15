"""Writes an exported f32 model as CTranslate2's BERT encoder, which reads no ONNX.

The pooler is CTranslate2's too; the classifier, 2 x 768 numbers, is left for NumPy in
`classifier.npz` beside it. Every layer must have as many heads, as CTranslate2 keeps one number.
"""

import numpy as np
import onnx
from ctranslate2.specs import common_spec, transformer_spec


def set_linear(spec, weights, *names):
    """Layers that read the same input are one product there."""
    spec.weight = np.concatenate([weights[f"{n}.weight.transposed"].T for n in names])
    spec.bias = np.concatenate([weights[f"{n}.bias"] for n in names])


def set_norm(spec, weights, name):
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def set_layer(spec, weights, name):
    attention = f"{name}.attention"
    parts = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
    set_linear(spec.self_attention.linear[0], weights, *parts)
    set_linear(spec.self_attention.linear[1], weights, f"{attention}.output.dense")
    set_norm(spec.self_attention.layer_norm, weights, f"{attention}.output.LayerNorm")
    set_linear(spec.ffn.linear_0, weights, f"{name}.intermediate.dense")
    set_linear(spec.ffn.linear_1, weights, f"{name}.output.dense")
    set_norm(spec.ffn.layer_norm, weights, f"{name}.output.LayerNorm")


def encoder(weights, head_dim):
    layers = len([name for name in weights if name.endswith("self.query.bias")])
    queries = {weights[f"encoder.layer.{i}.attention.self.query.bias"].size for i in range(layers)}
    assert len(queries) == 1, f"layers of {queries} queries: CTranslate2 needs one number"
    spec = transformer_spec.TransformerEncoderModelSpec(
        transformer_spec.TransformerEncoderSpec(
            layers, queries.pop() // head_dim, pre_norm=False, head_dim=head_dim,
            activation=common_spec.Activation.GELU, layernorm_embedding=True,
            num_source_embeddings=2, embeddings_merge=common_spec.EmbeddingsMerge.ADD),
        pooling_layer=True, pooling_activation=common_spec.Activation.Tanh)
    inner = spec.encoder
    inner.scale_embeddings = False
    for part, name in [(inner.embeddings[0], "word"), (inner.embeddings[1], "token_type"),
                       (inner.position_encodings, "position")]:
        table = weights[f"embeddings.{name}_embeddings.weight"]
        setattr(part, "encodings" if name == "position" else "weight", table)
    set_norm(inner.layernorm_embedding, weights, "embeddings.LayerNorm")
    for i, layer in enumerate(inner.layer):
        set_layer(layer, weights, f"encoder.layer.{i}")
    set_linear(spec.pooler_dense, weights, "pooler.dense")
    return spec


def convert(source, target, head_dim, vocabulary, quantization=None):
    """`source` is what `act-convert export` wrote of an f32 model, `target` a new folder."""
    model = onnx.load(source)
    weights = {t.name: onnx.numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    norm = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
    spec = encoder(weights, head_dim)
    spec.register_vocabulary(vocabulary)
    spec.config.unk_token = "[UNK]"
    spec.config.layer_norm_epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
    spec.validate()
    spec.optimize(quantization=quantization)
    target.mkdir()
    spec.save(str(target))
    np.savez(target / "classifier.npz", weight=weights["classifier.weight.transposed"],
             bias=weights["classifier.bias"])
