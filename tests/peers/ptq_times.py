"""How long the files that ptq.py judged take: act-infer, ONNX Runtime and OpenVINO, in turn, in one run.

    python tests/peers/ptq.py WORK --data DATA --model base.act --int8 static.act --int8 four.act --split dev
    python tests/peers/ptq_times.py WORK --model base.act --int8 static.act --int8 four.act --split dev \\
        --timed target/release/examples/timed

Two settings: 32 sequences of 128 tokens, and 32 whose lengths are the quantiles of the split's, padded to the
longest for those who need that. Each of ours runs in act-infer and, where an export with its scales exists, as that
ONNX file in the other two. Every run comes just behind one of the float graph in ONNX Runtime. Prints a Markdown
table of medians and of ratios to that graph with their quartiles, and writes WORK/times.json. Packages: race-requirements.txt.
"""

import argparse
import json
import pathlib
import statistics

import numpy as np
from ptq import Encoder, int8_graph
from race_engines import Batch, OnnxRuntime, OpenVino, Process

REFERENCE = "float, in ONNX Runtime"
FULL, REAL = "32 x 128", "32 x own length"


def lengths(folder, texts):
    """32 quantiles of the numbers of tokens of a split's texts."""
    rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
    rows = [(r.get("sentence", r.get("sentence1")), r.get("sentence2"), None) for r in rows]
    tokens = [feed["input_ids"].shape[1] for feed in Encoder(folder).feeds(rows)]
    return np.quantile(tokens, (np.arange(32) + 0.5) / 32, method="nearest").tolist()


def field(args):
    """(name, engine), the reference first."""
    work, threads = args.work, args.threads
    program = lambda name: str(args.bin / name) if args.bin else name  # noqa: E731
    yield REFERENCE, OnnxRuntime(work / "float" / "model.onnx", threads)
    yield "float, in act-infer", Process(args.model, threads, args.timed)
    for model in args.int8:
        yield f"act, {model.stem}, in act-infer", Process(model, threads, args.timed)
        if graph := int8_graph(program, model, work):
            yield f"act, {model.stem}, in ONNX Runtime", OnnxRuntime(graph, threads)
            yield f"act, {model.stem}, in OpenVINO", OpenVino(graph, threads, "f32")
    yield "ONNX Runtime, dynamic", OnnxRuntime(work / "ort-dynamic.onnx", threads)
    yield "ONNX Runtime, static MinMax", OnnxRuntime(work / "ort-minmax.onnx", threads)
    yield "NNCF, in OpenVINO", OpenVino(work / "nncf.xml", threads, "f32")


def race(engines, batches, rounds):
    """Milliseconds of each engine, and of the reference just before it: a machine's clock and neighbours change
    from minute to minute, so only such pairs are compared."""
    (_, reference), *others = engines
    times = {name: {setting: [] for setting in batches} for name, _ in others}
    for turn in range(rounds + 1):  # the first is not counted
        for name, engine in others if turn % 2 else reversed(others):
            for setting, batch in batches.items():
                pair = [which.run(batch)[0] for which in (reference, engine)]
                if turn:
                    times[name][setting].append(pair)
    return times


def summary(pairs):
    """Median milliseconds of both, and the quartiles of their ratio."""
    reference, own = (statistics.median(of) for of in zip(*pairs))
    low, middle, high = statistics.quantiles([own / reference for reference, own in pairs], n=4)
    return {"reference_ms": reference, "ms": own, "ratio": middle, "low": low, "high": high}


def table(times):
    yield f"| | {FULL}, ms | of float's time | {REAL}, ms | of float's time |"
    yield "|---|--:|--:|--:|--:|"
    for name, by in times.items():
        cells = (f"{by[s]['ms']:.3g} | {by[s]['ratio']:.2f} ({by[s]['low']:.2f} .. {by[s]['high']:.2f})"
                 for s in (FULL, REAL))
        yield f"| {name} | {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--int8", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--split", default="dev")
    parser.add_argument("--timed", required=True, help="the program of act-infer's example `timed`")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the act programs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=8)
    args = parser.parse_args()
    folder = args.work / "float"
    rows = Encoder(folder).tokenizer.get_vocab_size()
    real = lengths(folder, args.work / f"{args.split}.jsonl")
    batches = {FULL: Batch([128] * 32, rows), REAL: Batch(real, rows)}
    pairs = race(list(field(args)), batches, args.rounds)
    times = {name: {s: summary(of) for s, of in by.items()} for name, by in pairs.items()}
    written = {"threads": args.threads, "rounds": args.rounds, "lengths": real, "times": times}
    (args.work / "times.json").write_text(json.dumps(written, indent=1) + "\n")
    print("\n".join(table(times)))


if __name__ == "__main__":
    main()
