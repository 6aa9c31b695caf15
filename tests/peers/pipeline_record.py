"""Records what `transformers`' text-classification pipeline answers, for the tests of the wheel
(bindings/python/tests):

    pip install -r huggingface-requirements.txt
    python pipeline_record.py ACT_CONVERT ../../bindings/python/tests

Makes small BERTs with random weights, for single texts, for pairs, for several labels a text and for a
score, asks the pipeline every way it can be asked, and imports them with act-convert (the program's path is
the first argument): `single.act`, `pairs.act`, `several.act`, `score.act`, `pipeline.json`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers

transformers.logging.set_verbosity_error()

CHARACTERS = "花呗借款还利息怎么办可以吗我的你支付宝能不开通用了为什到时间提前"
WORDS = ["how", "to", "pay", "back", "the", "loan", "##s", "##ing", "?", "!", ".", ","]
LABELS = ["positive", "negative", "neutral", "not about it"]
LONGEST = 32

A, B, C = "花呗怎么还款", "how to pay back the loans?", "可以提前还吗!"
# Fields of a call: its input, and what is given beside it. Generators are not JSON, so not here.
CALLS = {
    "single": [
        [A, {}],
        [[A], {}],
        [[A, B, C, ""], {}],
        [A, {"top_k": 1}],
        [A, {"top_k": 2}],
        [A, {"top_k": None}],
        [[A, B], {"top_k": None}],
        [[A, B], {"top_k": 3}],
        [[A, B], {"top_k": 1}],
        [[A, B], {"top_k": 9}],
        [{"text": A}, {}],
        [[{"text": A}, {"text": B}], {"top_k": 2}],
        [[A, B, C], {"batch_size": 2}],
        [A, {"function_to_apply": "sigmoid"}],
        [A, {"function_to_apply": "none", "top_k": None}],
        [A, {"function_to_apply": "softmax"}],
        [A * 20, {"truncation": True}],
    ],
    "pairs": [
        [{"text": A, "text_pair": C}, {}],
        [{"text": A, "text_pair": C}, {"top_k": 1}],
        [{"text": A, "text_pair": C}, {"top_k": None}],
        [[{"text": A, "text_pair": C}, {"text": B, "text_pair": A}], {}],
        [[{"text": A, "text_pair": C}, {"text": B, "text_pair": A}], {"top_k": None}],
        [{"text": A * 4, "text_pair": C * 4}, {"truncation": True}],
    ],
    "several": [
        [A, {}],
        [[A, B, C], {"top_k": None}],
        [[A, B, C], {"top_k": 2}],
        [A, {"function_to_apply": "softmax", "top_k": None}],
    ],
    "score": [
        [A, {}],
        [[A, B, C], {}],
        [A, {"function_to_apply": "sigmoid"}],
    ],
}
KINDS = {
    "single": {"labels": LABELS},
    "pairs": {"labels": ["0", "1"]},
    "several": {"labels": LABELS, "problem": "multi_label_classification"},
    "score": {"labels": ["score"], "problem": "regression"},
}
# `top_k` when the pipeline is made nests otherwise than in a call.
MADE = [
    [{"top_k": None}, A],
    [{"top_k": 1}, A],
    [{"top_k": 2}, [A, B]],
    [{"top_k": None}, {"text": A}],
]


def vocabulary():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return special + WORDS + list(dict.fromkeys(CHARACTERS))


def make(folder, seed, labels, problem=None):
    torch.manual_seed(seed)
    vocab = folder / "vocab.txt"
    folder.mkdir()
    vocab.write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    config = transformers.BertConfig(
        vocab_size=len(vocabulary()),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=LONGEST,
        initializer_range=0.5,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        problem_type=problem,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer = transformers.BertTokenizerFast(str(vocab), model_max_length=LONGEST)
    tokenizer.save_pretrained(folder)


def ask(folder, calls):
    pipe = transformers.pipeline("text-classification", model=str(folder), device="cpu")
    return [{"input": x, "options": o, "answer": pipe(x, **o)} for x, o in calls]


def describe(data, name):
    """A data set of one's own, for what config.json does not say: the task and its column."""
    data.mkdir()
    of = {"single": LABELS, "several": [[label] for label in LABELS], "score": [1.5, 2.5]}.get(name, [])
    lines = [json.dumps({"text": A, "label": label}, ensure_ascii=False) for label in of]
    (data / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    columns = {"text": "text", "label": "label"}
    described = {"task": "sentiment", "columns": columns}
    if name == "score":
        described["problem"] = "regression"
    else:
        described["labels"] = LABELS
    if name == "several":
        described["problem"] = "multi-label"
    (data / "act-dataset.json").write_text(json.dumps(described))


def main():
    convert, out = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch) / name for name in KINDS}
        for seed, (name, kind) in enumerate(KINDS.items(), 1):
            make(folders[name], seed, **kind)
        recorded = {"transformers": transformers.__version__, "made": []}
        recorded |= {name: ask(folders[name], calls) for name, calls in CALLS.items()}
        for options, text in MADE:
            pipe = transformers.pipeline(
                "text-classification", model=str(folders["single"]), device="cpu", **options
            )
            recorded["made"].append({"input": text, "options": options, "answer": pipe(text)})
        for name, folder in folders.items():
            data = Path(scratch) / f"{name}-data"
            describe(data, name)
            options = ["--task", "afqmc"] if name == "pairs" else ["--data", data]
            length = ["--max-seq-length", str(LONGEST)]
            target = out / f"{name}.act"
            subprocess.run([convert, "import", folder, *options, *length, "-o", target], check=True)
    text = json.dumps(recorded, ensure_ascii=False, indent=1)
    (out / "pipeline.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
