"""Exports small classifiers with PaddlePaddle in many manners, and records their logits.

    python -m venv venv && venv/bin/pip install -r tests/peers/paddle-requirements.txt
    venv/bin/python tests/peers/paddle_export.py act-convert/tests/paddle/recorded
    cargo test --release -p act-convert --test paddle recorded

Each model becomes NAME.tar.gz (program, parameters, vocab.txt) and NAME.json (what was exported,
token ids, logits; for programs that must be refused, the operator to name). All weights are random
multiples of 1/64, which keeps the archives small. Paddle 3 writes `inference.json` instead of
`inference.pdmodel`; a choice of those that version 3.2.2 writes is in recorded/pir (static_save,
scores_alpha and legacy_operators are for version 2 alone). `--only NAME` makes one; `--large` makes models
of the published sizes, to be read with ACT_PADDLE_DIR=DIR.
"""

import argparse
import gzip
import io
import json
import math
import pathlib
import tarfile
import tempfile
import types

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

PAD = 0
DEFAULTS = dict(
    layers=1, hidden=16, heads=None, head_dim=8, ffn=None, labels=2, vocab=24, positions=12,
    types=2, task=None, activation="relu", epsilon=1e-12, bias=True,
    encoder="own", qkv="separate", reshape="copied", join="reshape", scale="query",
    mask="equal", position="cumsum", token_types="input", first="index", head="pooled",
    dropout="upscale_in_train", train=False, norm="post", save="jit",
    mixed=False, tables=None, precision="float32", refused=None,
)  # fmt: skip

# Every option away from its default at least once. `heads` and `ffn`: one number a layer.
VARIANTS = {
    # PaddleNLP's structures: nn.TransformerEncoder, sizes between and beside the published ones.
    "pp_minilm": dict(encoder="paddle", layers=3, heads=2),
    "ernie_task": dict(encoder="paddle", types=4, task=0, activation="gelu", labels=15),
    "ernie_task_row_2": dict(encoder="paddle", types=4, task=2, activation="gelu", layers=2),
    "ernie_without_task": dict(encoder="paddle", types=4, activation="gelu", labels=119),
    "static_save": dict(encoder="paddle", activation="gelu", labels=3, save="static"),
    "dropout_in_train_mode": dict(encoder="paddle", train=True),
    "bool_mask": dict(encoder="paddle", mask="bool"),
    # Written by hand.
    "pruned": dict(layers=3, heads=[2, 1, 3], ffn=[20, 7, 33], hidden=16, labels=5),
    "head_of_5": dict(heads=3, head_dim=5, hidden=12, ffn=9),
    "fused_split": dict(qkv="split"),
    "fused_sections": dict(qkv="sections"),
    "fused_slice": dict(qkv="slice"),
    "fused_slice_open": dict(qkv="slice_open"),
    "fused_axis": dict(qkv="axis"),
    "fused_unbind": dict(qkv="unbind"),
    "fused_by_head": dict(qkv="by_head"),
    "reshape_by_shape": dict(reshape="shape"),
    "reshape_by_constants": dict(reshape="constants"),
    "reshape_inferred": dict(reshape="inferred"),
    "flatten": dict(join="flatten"),
    "scores_divided": dict(scale="divided"),
    "scores_by_tensor": dict(scale="tensor"),
    "scores_alpha": dict(scale="alpha", save="static"),
    "mask_not_equal": dict(mask="not_equal"),
    "mask_large": dict(mask="large"),
    "mask_where": dict(mask="where"),
    "mask_reshaped": dict(mask="reshaped"),
    "mask_expanded": dict(mask="expanded"),
    "mask_input": dict(mask="input"),
    "mask_input_float": dict(mask="input_float"),
    "positions_arange": dict(position="arange"),
    "positions_expanded": dict(position="expanded"),
    "positions_like": dict(position="like"),
    "positions_table_slice": dict(position="table"),
    "positions_without_pads": dict(position="no_pads"),
    "positions_without_pads_deep": dict(encoder="paddle", position="no_pads", layers=2, labels=3),
    "tokens_cast": dict(mask="cast"),
    "probabilities": dict(head="softmax"),
    "token_types_zero": dict(token_types="zeros"),
    "first_squeezed": dict(first="squeeze"),
    "first_negative_axes": dict(first="slice"),
    "gelu_by_erf": dict(activation="erf"),
    "no_bias": dict(bias=False, qkv="split"),
    "dropout_downgrade": dict(dropout="downscale_in_infer"),
    "legacy_operators": dict(scale="legacy", save="static", activation="gelu"),
    "epsilon": dict(epsilon=1e-5),
    "gelu_tanh": dict(activation="gelu_tanh"),
    # PaddleNLP's ELECTRA and DistilBERT: narrow tables that are projected, no token types, other heads.
    "electra": dict(encoder="paddle", tables=6, head="gelu", activation="gelu", labels=4),
    "electra_wide": dict(encoder="paddle", head="gelu", activation="gelu", layers=2),
    "electra_no_bias": dict(tables=20, head="gelu", bias=False, layers=2),
    "distilbert": dict(encoder="paddle", head="relu", activation="gelu", position="expanded", token_types="none", layers=2),
    "projected_tanh": dict(tables=6, layers=2),
    # Half precision throughout, as the numbers are stored, or in the products alone.
    "float16": dict(encoder="paddle", precision="float16", activation="gelu"),
    "float16_electra": dict(encoder="paddle", tables=6, head="gelu", activation="gelu", precision="float16"),
    "bfloat16": dict(precision="bfloat16", qkv="split"),
    "half_products": dict(precision="products", layers=2),
    # No such encoders: the operator that the refusal must name.
    "pre_norm": dict(norm="pre", refused="elementwise_add"),
    "mean_pooling": dict(first="mean", refused="reduce_mean"),
    "without_pooler": dict(head="bare", refused="slice"),
    "multi_label": dict(head="sigmoid", refused="sigmoid"),
    "sigmoid_gate": dict(activation="silu", refused="silu"),
    "causal": dict(mask="causal", refused="tril_triu"),
    "mixed_epsilons": dict(encoder="paddle", mixed=True, refused="layer_norm"),
    "without_mask": dict(mask="none", refused="matmul_v2"),
    "positions_of_another_mask": dict(position="no_pads", mask="input", refused="cumsum"),
    "head_of_approximate_gelu": dict(head="gelu_tanh", refused="gelu"),
    "head_of_silu": dict(head="silu", refused="silu"),
    "tokens_in_half": dict(mask="half_tokens", refused="cast"),
}

# Operators that Paddle 3 calls otherwise and act does not know.
PIR_NAMES = {"reduce_mean": "mean", "tril_triu": "triu"}

# The sizes of PaddleNLP's published models, with small vocabularies.
LARGE = {
    "pp_minilm_6_768": dict(encoder="paddle", layers=6, hidden=768, head_dim=64, vocab=200,
                            positions=128, ffn=3072),
    "ernie_medium": dict(encoder="paddle", layers=6, hidden=768, head_dim=64, vocab=200, ffn=3072,
                         positions=2048, types=4, task=0, activation="gelu", labels=119),
    "ernie_nano": dict(encoder="paddle", layers=4, hidden=312, head_dim=26, vocab=200, ffn=1248,
                       positions=2048, types=4, task=0, activation="gelu", labels=15),
    "pruned_medium": dict(layers=6, hidden=768, head_dim=64, heads=[9, 9, 8, 9, 12, 3],
                          ffn=[2304, 2304, 1, 2304, 3072, 100], vocab=200, positions=128),
}  # fmt: skip


# The half precision that a program for CPUs can hold.
HALF = "float16" if paddle.__version__.startswith("2") else "bfloat16"


class Linear(nn.Linear):
    """A linear layer; with `products` one of which the product alone is in half precision."""

    precision = "float32"

    def forward(self, x):
        if self.precision != "products" or not traced():
            return nn.Linear.forward(self, x)
        y = paddle.matmul(x.astype(HALF), self.weight.astype(HALF)).astype("float32")
        return y if self.bias is None else y + self.bias


class Attention(nn.Layer):
    def __init__(self, o, heads):
        super().__init__()
        self.o, self.heads, width = o, heads, heads * o.head_dim
        linear = lambda i, out: Linear(i, out, bias_attr=None if o.bias else False)
        if o.qkv == "separate":
            self.q, self.k, self.v = (linear(o.hidden, width) for _ in range(3))
        else:
            self.qkv = linear(o.hidden, 3 * width)
        self.out = linear(width, o.hidden)
        self.dropout = nn.Dropout(0.1, mode=o.dropout)

    def split(self, x):
        """A projection as [batch, head, token, size]."""
        heads, size = self.heads, self.o.head_dim
        if self.o.reshape == "shape":
            x = paddle.reshape(x, [x.shape[0], x.shape[1], heads, size])
        elif self.o.reshape == "constants":
            lengths = paddle.shape(x)
            x = paddle.reshape(x, [lengths[0], -1, heads, size])
        elif self.o.reshape == "inferred":
            x = paddle.reshape(x, [0, -1, heads, size])
        else:
            x = paddle.reshape(x, [0, 0, heads, size])
        return paddle.transpose(x, [0, 2, 1, 3])

    def projections(self, x):
        style, heads, size = self.o.qkv, self.heads, self.o.head_dim
        if style == "separate":
            return [self.split(p(x)) for p in (self.q, self.k, self.v)]
        x, width = self.qkv(x), heads * size
        if style == "split":
            return [self.split(p) for p in paddle.split(x, 3, axis=-1)]
        if style == "sections":
            return [self.split(p) for p in paddle.split(x, [width, width, -1], axis=2)]
        if style == "slice":
            return [self.split(x[:, :, i * width : (i + 1) * width]) for i in range(3)]
        if style == "slice_open":
            parts = x[:, :, :width], x[:, :, width : 2 * width], x[:, :, -width:]
            return [self.split(p) for p in parts]
        if style == "by_head":
            x = paddle.reshape(x, [0, 0, heads, 3 * size])
            return [p.transpose([0, 2, 1, 3]) for p in paddle.split(x, 3, axis=-1)]
        x = paddle.reshape(x, [0, 0, 3, heads, size]).transpose([2, 0, 3, 1, 4])
        return [x[0], x[1], x[2]] if style == "axis" else paddle.unbind(x, axis=0)

    def forward(self, x, mask):
        q, k, v = self.projections(x)
        root = math.sqrt(self.o.head_dim)
        scale = self.o.scale
        if scale == "query":
            scores = paddle.matmul(q * (1 / root), k, transpose_y=True)
        elif scale == "divided":
            scores = paddle.matmul(q, k.transpose([0, 1, 3, 2])) / root
        elif scale == "tensor":
            scores = paddle.matmul(q, k, transpose_y=True)
            scores = scores / paddle.full([1], root, "float32")
        else:
            scores = legacy("matmul", q, k, transpose_Y=True, alpha=1 / root)
        if mask is not None:
            scores = scores + mask
        weights = self.dropout(F.softmax(scores, axis=-1))
        context = paddle.matmul(weights, v).transpose([0, 2, 1, 3])
        if self.o.join == "flatten":
            context = context.flatten(2)
        elif self.o.reshape == "shape":
            context = paddle.reshape(context, [context.shape[0], context.shape[1], -1])
        else:
            context = paddle.reshape(context, [0, 0, self.heads * self.o.head_dim])
        return self.out(context)


class Layer(nn.Layer):
    def __init__(self, o, heads, ffn):
        super().__init__()
        self.o = o
        self.attention = Attention(o, heads)
        bias = None if o.bias else False
        self.up = Linear(o.hidden, ffn, bias_attr=bias)
        self.down = Linear(ffn, o.hidden, bias_attr=bias)
        self.norm1 = nn.LayerNorm(o.hidden, epsilon=o.epsilon)
        self.norm2 = nn.LayerNorm(o.hidden, epsilon=o.epsilon)
        self.dropout = nn.Dropout(0.1, mode=o.dropout)

    def activation(self, x):
        kind = self.o.activation
        if kind == "erf":
            return x * 0.5 * (1.0 + paddle.erf(x / math.sqrt(2.0)))
        if kind == "gelu_tanh":
            return F.gelu(x, approximate=True)
        return getattr(F, kind)(x)

    def feed_forward(self, x):
        return self.dropout(self.down(self.dropout(self.activation(self.up(x)))))

    def forward(self, x, mask):
        if self.o.norm == "pre":
            x = x + self.attention(self.norm1(x), mask)
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + self.dropout(self.attention(x, mask)))
        return self.norm2(self.feed_forward(x) + x)


class Classifier(nn.Layer):
    def __init__(self, o):
        super().__init__()
        self.o = o
        width = o.tables or o.hidden
        self.word = nn.Embedding(o.vocab, width, padding_idx=PAD)
        unused = PAD + 1 if o.position == "no_pads" else 0
        self.position = nn.Embedding(unused + o.positions, width)
        self.token_type = nn.Embedding(o.types, width) if o.token_types != "none" else None
        self.task = nn.Embedding(3, width) if o.task is not None else None
        self.norm = nn.LayerNorm(width, epsilon=o.epsilon)
        self.project = Linear(width, o.hidden, bias_attr=None if o.bias else False) if o.tables else None
        self.dropout = nn.Dropout(0.1, mode=o.dropout)
        if o.encoder == "paddle":
            layer = nn.TransformerEncoderLayer(
                o.hidden, o.heads[0], o.ffn[0], dropout=0.1, activation=o.activation,
                attn_dropout=0.1, act_dropout=0,
            )  # fmt: skip
            self.encoder = nn.TransformerEncoder(layer, o.layers)
            for part in self.encoder.sublayers():
                if isinstance(part, nn.LayerNorm) and not o.mixed:
                    part._epsilon = o.epsilon  # as PaddleNLP sets it
        else:
            self.layers = nn.LayerList([Layer(o, h, f) for h, f in zip(o.heads, o.ffn)])
        self.pooler = Linear(o.hidden, o.hidden)
        self.classifier = Linear(o.hidden, o.labels)
        for part in self.sublayers():
            if isinstance(part, Linear):
                part.precision = o.precision

    def positions(self, ids):
        """Rows of the position table, by the many ways to count."""
        style = self.o.position
        if style == "cumsum":
            ones = paddle.ones(lengths(ids), dtype="int64")
            return self.position(paddle.cumsum(ones, axis=1) - ones)
        if style == "like":
            ones = paddle.ones_like(ids)
            return self.position(paddle.cumsum(ones, axis=-1) - ones)
        if style == "no_pads":
            kept = (ids != PAD).astype("int64")
            return self.position(paddle.cumsum(kept, axis=1) * kept + PAD)
        if style == "arange":
            return self.position(paddle.arange(ids.shape[1], dtype="int64"))
        if style == "expanded":
            row = paddle.arange(0, paddle.shape(ids)[1], dtype="int64").unsqueeze(0)
            return self.position(row.expand_as(ids))
        return self.position.weight[: ids.shape[1]]

    def mask(self, ids, given):
        style = self.o.mask
        if style == "none":
            return None
        if style.startswith("input"):
            given = given.unsqueeze([1, 2])
            return (1.0 - given.astype("float32")) * -10000.0
        kind = self.pooler.weight.dtype
        if style == "cast":
            ids = ids.astype("int64")
        if style == "half_tokens" and traced():
            ids = ids.astype(HALF)
        pads = ids == PAD
        if style == "not_equal":
            kept = paddle.cast(ids != PAD, "float32").unsqueeze(1).unsqueeze(1)
            return (1.0 - kept) * -10000.0
        if style == "large":
            return pads.astype("float32").unsqueeze([1, 2]) * -1e9
        if style == "where":
            zeros = paddle.zeros_like(ids, dtype=kind)
            return paddle.where(pads, zeros - 10000.0, zeros).unsqueeze([1, 2])
        mask = pads.astype(kind) * -10000.0
        if style == "reshaped":
            return paddle.reshape(mask, [0, 1, 1, -1])
        mask = mask.unsqueeze([1, 2])
        if style == "expanded":
            return mask.expand([-1, self.o.heads[0], ids.shape[1], -1])
        if style == "causal":
            length = ids.shape[1]
            return mask + paddle.triu(paddle.full([length, length], -1e4), 1)
        if style == "bool":
            return (ids != PAD).unsqueeze([1, 2])
        return mask

    def forward(self, ids, token_types=None, given=None):
        o = self.o
        x = self.word(ids) + self.positions(ids)
        if o.token_types == "zeros":
            token_types = paddle.zeros_like(ids)
        if self.token_type is not None:
            x = x + self.token_type(token_types)
        if self.task is not None:
            x = x + self.task(paddle.ones(lengths(ids), dtype="int64") * o.task)
        x = self.dropout(self.norm(x))
        if self.project is not None:
            x = self.project(x)
        mask = self.mask(ids, given)
        if o.encoder == "paddle":
            x = self.encoder(x, mask)
        else:
            for layer in self.layers:
                x = layer(x, mask)
        if o.first == "index":
            x = x[:, 0]
        elif o.first == "squeeze":
            x = x[:, 0:1].squeeze(1)
        elif o.first == "slice":
            x = paddle.slice(x, axes=[1], starts=[0], ends=[1]).squeeze([1])
        else:
            x = x.mean(axis=1)
        if o.head != "bare":
            x = legacy_linear(self.pooler, x) if o.scale == "legacy" else self.pooler(x)
            x = HEADS.get(o.head, paddle.tanh)(x)
        x = self.classifier(self.dropout(x))
        return {"softmax": F.softmax, "sigmoid": F.sigmoid}.get(o.head, lambda x: x)(x)


# What follows the head's dense layer, where it is not tanh.
HEADS = {
    "gelu": F.gelu,
    "relu": F.relu,
    "gelu_tanh": lambda x: F.gelu(x, approximate=True),
    "silu": F.silu,
}


def traced():
    """True while a program is made, not run."""
    return not paddle.in_dynamic_mode()


def lengths(ids):
    """Batch and sequence: numbers, or in a static program a tensor."""
    return ids.shape if paddle.in_dynamic_mode() else paddle.shape(ids)


def legacy(kind, x, y, **attrs):
    """An operator of Paddle before 2.1, which only a static program can hold."""
    if paddle.in_dynamic_mode():
        return paddle.matmul(x, y, transpose_y=attrs["transpose_Y"]) * attrs["alpha"]
    helper = paddle.base.layer_helper.LayerHelper(kind)
    out = helper.create_variable_for_type_inference(x.dtype)
    helper.append_op(type=kind, inputs={"X": [x], "Y": [y]}, outputs={"Out": [out]}, attrs=attrs)
    return out


def legacy_linear(linear, x):
    if paddle.in_dynamic_mode():
        return linear(x)
    helper = paddle.base.layer_helper.LayerHelper("mul")
    out = helper.create_variable_for_type_inference(x.dtype)
    helper.append_op(
        type="mul",
        inputs={"X": [x], "Y": [linear.weight]},
        outputs={"Out": [out]},
        attrs={"x_num_col_dims": 1, "y_num_col_dims": 1},
    )
    return out + linear.bias


def options(changes):
    o = types.SimpleNamespace(**{**DEFAULTS, **changes})
    listed = lambda value: value if isinstance(value, list) else [value] * o.layers
    o.heads = listed(o.heads or o.hidden // o.head_dim)
    o.ffn = listed(o.ffn or 2 * o.hidden)
    o.head_dim = o.hidden // o.heads[0] if o.encoder == "paddle" else o.head_dim
    return o


def randomise(model, random):
    """Multiples of 1/64; norms about 1. Large enough that every part moves the logits."""
    state = {}
    for name, value in model.state_dict().items():
        wide = len(value.shape) == 2 and "word" not in name
        spread = 1 / math.sqrt(value.shape[0]) if wide and "weight" in name else 0.5
        numbers = random.normal(0, spread, value.shape)
        if "norm" in name and "weight" in name:
            numbers = 1 + numbers / 4
        state[name] = (np.round(numbers * 64) / 64).astype("float32")
    model.set_state_dict(state)


def cases(o, random):
    """Padding at the end, one token alone, a pad inside, another length."""
    lengths = [[min(o.positions, 64), 5, 1], [7, 7]]
    for batch in lengths:
        ids = np.zeros((len(batch), max(batch)), "int64")
        kinds = np.zeros_like(ids)
        for i, length in enumerate(batch):
            ids[i, :length] = random.integers(5, o.vocab, length)
            kinds[i, length // 2 : length] = random.integers(0, o.types, length - length // 2)
            ids[i, 0] = 2
        ids[0, 3] = PAD
        if o.token_types != "input":
            kinds[:] = 0
        yield ids, kinds


def feeds(o, ids, kinds):
    row = [ids] if o.token_types != "input" else [ids, kinds]
    if o.mask.startswith("input"):
        row.append((ids != PAD).astype("float32" if o.mask == "input_float" else "int64"))
    return row


def inputs(o):
    names = ["input_ids"] + ["token_type_ids"] * (o.token_types == "input")
    kinds = ["int64"] * len(names)
    if o.mask.startswith("input"):
        names.append("attention_mask")
        kinds.append("float32" if o.mask == "input_float" else "int64")
    return names, kinds


def save(model, o, path):
    names, kinds = inputs(o)
    if o.save == "jit":
        specs = [paddle.static.InputSpec([None, None], k, n) for n, k in zip(names, kinds)]
        paddle.jit.save(model, str(path), input_spec=specs)
        return
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    paddle.enable_static()
    main = paddle.static.Program()
    with paddle.static.program_guard(main, paddle.static.Program()):
        data = [paddle.static.data(n, [-1, -1], k) for n, k in zip(names, kinds)]
        copy = Classifier(o)
        copy.eval()
        logits = copy(*data)
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(paddle.static.default_startup_program())
        for name, value in copy.state_dict().items():
            paddle.static.global_scope().find_var(value.name).get_tensor().set(
                state[name], paddle.CPUPlace()
            )
        paddle.static.save_inference_model(
            str(path), data, [logits], executor, program=main.clone(for_test=True)
        )
    paddle.disable_static()


def program_logits(path, rows):
    """What the exported program itself computes."""
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, names, fetches = paddle.static.load_inference_model(str(path), executor)
        run = lambda row: executor.run(program, dict(zip(names, row)), fetches)[0]
        logits = [run(row) for row in rows]
    paddle.disable_static()
    return logits


def export(name, changes, directory):
    o = options(changes)
    paddle.seed(1)
    random = np.random.default_rng(sum(map(ord, name)))
    model = Classifier(o)
    randomise(model, random)
    model.eval()
    batches = list(cases(o, random))
    rows = [feeds(o, *batch) for batch in batches]
    logits = [run(model, o, row) for row in rows]
    if o.train:
        model.train()
    if o.precision in ("float16", "bfloat16"):
        numbers = [p.numpy() for p in model.parameters()]
        model.to(dtype=o.precision)
        for ours, half in zip(numbers, model.parameters()):
            # So the logits above are those of the numbers that are stored.
            assert (half.astype("float32").numpy() == ours).all(), name
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "inference"
        save(model, o, path)
        # Paddle has few kernels in half precision for CPUs.
        if not o.train and o.precision == "float32" and o.mask != "half_tokens":
            for ours, theirs in zip(logits, program_logits(path, rows)):
                assert np.abs(ours - theirs).max() < 1e-5, (name, ours, theirs)
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        vocab += [f"t{i}" for i in range(5, o.vocab)]
        (path.parent / "vocab.txt").write_text("\n".join(vocab) + "\n")
        pir = not path.with_suffix(".pdmodel").exists()
        if not pir:
            strip(path.with_suffix(".pdmodel"))
        archive(path.parent, directory / f"{name}.tar.gz")
    record = {
        "paddle": paddle.__version__,
        "options": {**changes, "heads": o.heads, "ffn": o.ffn, "head_dim": o.head_dim},
        "refused": PIR_NAMES.get(o.refused, o.refused) if pir else o.refused,
        "cases": [
            {
                "input_ids": ids.tolist(),
                "token_type_ids": kinds.tolist(),
                "logits": [[float(f"{x:.8g}") for x in row] for row in out.tolist()],
            }
            for (ids, kinds), out in zip(batches, logits)
        ],
    }
    (directory / f"{name}.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
    print(name, (directory / f"{name}.tar.gz").stat().st_size)


def run(model, o, row):
    tensors = [paddle.to_tensor(x) for x in row]
    if o.token_types != "input":
        tensors.insert(1, None)
    return model(*tensors).numpy()


def strip(path):
    """Leaves out the Python stacks that each operator carries: paths of this machine."""
    paddle.enable_static()
    program = paddle.static.deserialize_program(path.read_bytes())
    paddle.disable_static()
    for op in program.global_block().ops:
        op._remove_attr("op_callstack")
    path.write_bytes(program.desc.serialize_to_string())


def archive(folder, path):
    """A .tar.gz without times or owners."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in sorted(folder.iterdir()):
            if file.suffix == ".info":
                continue
            entry = tarfile.TarInfo(file.name)
            entry.size = file.stat().st_size
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
    path.write_bytes(gzip.compress(data.getvalue(), 6, mtime=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", help="names of models")
    parser.add_argument("--large", action="store_true", help="models of the published sizes")
    args = parser.parse_args()
    args.directory.mkdir(parents=True, exist_ok=True)
    for name, changes in (LARGE if args.large else VARIANTS).items():
        if not args.only or name in args.only:
            export(name, changes, args.directory)


if __name__ == "__main__":
    main()
