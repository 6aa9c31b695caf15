"""Compares an exported ONNX file, run by ONNX Runtime, with act's own engine.

    act-convert export model.act -o model.onnx
    cargo run --release -p act-convert --example token_ids model.act DATA > rows.jsonl
    act-eval predict model.act rows.jsonl > ours.jsonl
    python tests/peers/onnx_check.py model.onnx rows.jsonl ours.jsonl

Prints the largest difference of the logits and how many predictions agree; exits with 1 where
they miss --tolerance or --agreement.
"""

import argparse
import json
import sys

import numpy as np
import onnx
import onnxruntime


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def padded(rows):
    """Rows of one batch as the graph's inputs, padded to the longest."""
    width = max(len(row["input_ids"]) for row in rows)
    feed = {
        name: np.zeros((len(rows), width), np.int64)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    for i, row in enumerate(rows):
        length = len(row["input_ids"])
        feed["input_ids"][i, :length] = row["input_ids"]
        feed["token_type_ids"][i, :length] = row["token_type_ids"]
        feed["attention_mask"][i, :length] = 1
    return feed


def session(path, disabled=False):
    options = onnxruntime.SessionOptions()
    if disabled:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def logits(model, feed):
    """Class scores of a batch; a graph that tells no token types takes none."""
    taken = {given.name for given in model.get_inputs()}
    return model.run(["logits"], {name: feed[name] for name in feed if name in taken})[0]


def run(model, rows, batch):
    feeds = (padded(rows[i : i + batch]) for i in range(0, len(rows), batch))
    return np.concatenate([logits(model, feed) for feed in feeds])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="exported ONNX file")
    parser.add_argument("rows", help="JSON lines with input_ids and token_type_ids")
    parser.add_argument("ours", help="what act-eval predict printed for the same lines")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tolerance", type=float, help="largest difference of a logit")
    parser.add_argument("--agreement", type=float, help="smallest share of equal predictions")
    parser.add_argument("--no-optimizer", action="store_true", help="run the graph as written")
    args = parser.parse_args()

    onnx.checker.check_model(args.model, full_check=True)
    rows, ours = lines(args.rows), lines(args.ours)
    ours = np.array([line["logits"] for line in ours], np.float32)
    theirs = run(session(args.model, args.no_optimizer), rows, args.batch)
    if ours.shape != theirs.shape:
        sys.exit(f"{args.ours} is {ours.shape}, ONNX Runtime gives {theirs.shape}")

    difference = np.abs(ours - theirs)
    agree = np.mean(ours.argmax(1) == theirs.argmax(1))
    print(
        f"{args.model}: {len(rows)} rows, largest difference {difference.max():.3g}, "
        f"mean {difference.mean():.3g}, predictions agree {100 * agree:.2f} %"
    )
    if args.tolerance is not None and not difference.max() <= args.tolerance:
        sys.exit(f"over {args.tolerance}")
    if args.agreement is not None and not agree >= args.agreement:
        sys.exit(f"under {100 * args.agreement} %")


if __name__ == "__main__":
    main()
