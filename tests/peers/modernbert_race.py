"""Races act-infer and ONNX Runtime on a ModernBERT of the published size, 22 layers x 768, at 512 tokens.

    pip install -r race-requirements.txt
    python families_record.py DIR --published --only modernbert     # random weights; its packages: huggingface-requirements.txt
    python modernbert_race.py DIR/modernbert --timed target/release/examples/timed

The act programs must be on the PATH. What is made lies in DIR/modernbert/race and is kept. In every round each engine
answers each batch once, in turn; ratios are those of the medians. Beside the time on the clock stands that of the processor, which
a busy machine lengthens less.
ONNX Runtime runs what act-convert exports, and its own dynamic quantisation of that.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess

import numpy as np
from models import dynamic, make
from race import commit
from race_engines import OnnxRuntime, Process
from race_processor import processor

BATCHES = {"1 x 512": [512], "4 x 512": [512] * 4}


class Batch:
    """Rows of ids of these lengths, all of the longest one."""

    def __init__(self, lengths, vocabulary, names):
        draw = np.random.default_rng(3)
        ids = draw.integers(100, vocabulary, (len(lengths), max(lengths)))
        every = {"input_ids": ids, "token_type_ids": ids * 0, "attention_mask": ids * 0 + 1}
        self.padded = {name: every[name] for name in names}
        self.ragged = json.dumps(ids.tolist())


def models(source, folder):
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    # Any texts long enough: the weights are random, and their ranges are all that the quantiser looks for.
    words = random.Random(5)
    text = lambda: " ".join(words.choice(["the", "quick", "brown", "fox", "opened", "a", "long", "review"]) for _ in range(150))
    labels = ["bad", "good", "neither"]
    rows = "".join(f"{text()},{labels[i % 3]}\n" for i in range(60))
    (data / "train.csv").write_text("text,label\n" + rows)
    if not (data / "act-dataset.json").exists():
        subprocess.run(["act-data", "describe", str(data), "--write"], check=True)
    base, int8 = folder / "base.act", folder / "base-int8.act"
    make(base, "act-convert", "import", source, "--data", data, "--max-seq-length", 512)
    # The quickest way to any int8 model with static scales, which act-quant gives every input that lets it.
    quick = ["QuantPost.batch_nums=1", "QuantPost.batch_size=2", "QuantPost.algo=abs_max", "QuantPost.weight_round=nearest",
             "QuantPost.schemes=[static]", "QuantPost.bias_correction=false"]
    make(int8, "act-quant", base, "--data", data, *(word for change in quick for word in ("--set", change)))
    make(folder / "base.onnx", "act-convert", "export", base)
    dynamic(folder, "base", "-ort-dynamic.onnx")


def processor_ms(pid):
    """What all threads of a process have computed for, as Linux counts it."""
    spent = [int(task.read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(spent) / 1e6


def race(field, batches, rounds):
    times, logits = {name: {b: [] for b in batches} for name in field}, {}
    for round_ in range(rounds + 1):
        for batch, of_engine in batches.items():
            for name, engine in field.items():
                pid = engine.process.pid if hasattr(engine, "process") else "self"
                before = processor_ms(pid)
                ms, logits[name, batch] = engine.run(of_engine)
                # The first warms up.
                if round_:
                    times[name][batch].append((ms, processor_ms(pid) - before))
    return times, logits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--timed", required=True, help="the program of act-infer's example `timed`")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    folder = args.model / "race"
    models(args.model, folder)
    vocabulary = json.loads((args.model / "config.json").read_text())["vocab_size"]
    print(commit(), processor(None))
    for threads in args.threads:
        field = {
            "ONNX Runtime, f32": OnnxRuntime(folder / "base.onnx", threads),
            "ONNX Runtime, dynamic int8": OnnxRuntime(folder / "base-ort-dynamic.onnx", threads),
            "act-infer, f32": Process(folder / "base.act", threads, args.timed),
            "act-infer, int8": Process(folder / "base-int8.act", threads, args.timed),
        }
        first, *_ = field.values()
        names = [i.name for i in first.session.get_inputs()]
        batches = {name: Batch(lengths, vocabulary, names) for name, lengths in BATCHES.items()}
        times, logits = race(field, batches, args.rounds)
        print(f"\nthreads: {threads}; kernels: {field['act-infer, int8'].kernels()}; rounds: {args.rounds}")
        print("| engine | batch | ms, median | least .. most | times the first | processor ms, median | times the first | most different logit |")
        print("|---|---|--:|--:|--:|--:|--:|--:|")
        exact = next(iter(times))
        for name, by_batch in times.items():
            for batch, pairs in by_batch.items():
                ms = [clock for clock, _ in pairs]
                middle = [statistics.median(column) for column in zip(*pairs)]
                first = [statistics.median(column) for column in zip(*times[exact][batch])]
                ratio = [a / b for a, b in zip(first, middle)]
                far = np.abs(logits[name, batch] - logits[exact, batch]).max()
                print(f"| {name} | {batch} | {middle[0]:,.0f} | {min(ms):,.0f} .. {max(ms):,.0f} | {ratio[0]:.2f} | {middle[1]:,.0f} | {ratio[1]:.2f} | {far:.1e} |")


main()
