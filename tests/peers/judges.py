"""How far texts of one kind promise what int8 models do on another: the mean KL divergence from the float
model on training texts, on texts made of them, and on a split that nothing was fitted to.

    python tests/peers/judges.py WORK --data mrpc --columns sentence1 sentence2 --split test_public \\
        --model base.act --int8 mse.act --int8 hist.act --int8 dynamic.act

The programs are found on PATH; standard library only. Kinds: `train` (512 at random), `thinned` (every
fifth word left out, act-quant's own), `crossed` (30 to 70 % of one text, then the rest of another, of a
pair both alike)."""

import argparse
import json
import math
import pathlib
import random
import subprocess

COUNT = 512


def units(text):
    return (list(text), "") if " " not in text else (text.split(), " ")


def thinned(texts, rng):
    def one(text):
        all_units, between = units(text)
        return between.join([u for u in all_units if rng.random() > 0.2] or all_units)

    return [one(text) for text in texts]


def crossed(first, last, rng):
    share = rng.uniform(0.3, 0.7)

    def one(a, b):
        (a, between), (b, _) = units(a), units(b)
        return between.join(a[: round(len(a) * share)] + b[round(len(b) * share) :])

    return [one(a, b) or a for a, b in zip(first, last)]


def log_softmax(row):
    largest = max(row)
    total = largest + math.log(sum(math.exp(v - largest) for v in row))
    return [v - total for v in row]


def divergence(float_rows, int8_rows):
    total = 0.0
    for p, q in zip(float_rows, int8_rows):
        p, q = log_softmax(p), log_softmax(q)
        total += max(0.0, sum(math.exp(a) * (a - b) for a, b in zip(p, q)))
    return total / len(float_rows)


def logits(model, texts):
    answers = subprocess.run(
        ["act-eval", "predict", "-q", model, texts], check=True, capture_output=True, text=True
    )
    return [json.loads(line)["logits"] for line in answers.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--columns", nargs="+", required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--model", required=True)
    parser.add_argument("--int8", action="append", required=True)
    args = parser.parse_args()
    rng = random.Random(7)

    def read(name):
        lines = (args.data / f"{name}.json").read_text(encoding="utf-8").splitlines()
        return [[row[c] for c in args.columns] for row in map(json.loads, lines)]

    drawn = rng.sample(read("train"), 2 * COUNT)
    first, last = drawn[:COUNT], drawn[COUNT:]
    kinds = {
        "train": first,
        "thinned": [thinned(texts, rng) for texts in first],
        "crossed": [crossed(a, b, rng) for a, b in zip(first, last)],
        args.split: read(args.split),
    }
    args.work.mkdir(parents=True, exist_ok=True)
    found = {}
    for kind, examples in kinds.items():
        path = args.work / f"{kind}.json"
        rows = (json.dumps(dict(zip(args.columns, texts))) for texts in examples)
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        expected = logits(args.model, path)
        found[kind] = [divergence(expected, logits(int8, path)) for int8 in args.int8]
        cells = " | ".join(f"{1e3 * d:.3f}" for d in found[kind])
        print(f"| {kind} | {cells} |")
    for kind, of_kind in found.items():
        ratios = [math.log(a / b) for a, b in zip(of_kind, found[args.split])]
        mean = sum(ratios) / len(ratios)
        spread = math.sqrt(sum((r - mean) ** 2 for r in ratios) / len(ratios))
        print(f"{kind}: {math.exp(mean):.2f} of {args.split}, spread {math.exp(spread):.2f}")


if __name__ == "__main__":
    main()
