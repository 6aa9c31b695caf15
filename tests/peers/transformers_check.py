"""Compares an exported folder, loaded and run by `transformers`, with act's own engine.

    act-convert export model.act -o folder/
    act-eval predict model.act texts.txt > ours.jsonl
    python tests/peers/transformers_check.py folder texts.txt ours.jsonl

Texts are one a line. Prints the largest difference of the logits and how many predictions agree; exits with 1 where
they miss --tolerance.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import torch
import transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="what act-convert export wrote")
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("ours", type=pathlib.Path, help="what act-eval predict printed for the same lines")
    parser.add_argument("--tolerance", type=float, help="largest difference of a logit")
    args = parser.parse_args()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(args.folder).eval()
    texts = args.texts.read_text(encoding="utf-8").splitlines()
    ours = [json.loads(line)["logits"] for line in args.ours.read_text(encoding="utf-8").splitlines()]
    theirs = []
    for i in range(0, len(texts), 32):
        batch = tokenizer(texts[i : i + 32], padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            theirs += model(**batch).logits.tolist()
    ours, theirs = np.array(ours), np.array(theirs)
    if ours.shape != theirs.shape:
        sys.exit(f"{args.ours} is {ours.shape}, transformers gives {theirs.shape}")
    difference, agree = np.abs(ours - theirs).max(), np.mean(ours.argmax(1) == theirs.argmax(1))
    print(
        f"{type(model).__name__}, transformers {transformers.__version__}: {len(texts)} texts, "
        f"largest difference {difference:.3g}, predictions agree {100 * agree:.2f} %"
    )
    if args.tolerance is not None and not difference <= args.tolerance:
        sys.exit(f"over {args.tolerance}")


main()
