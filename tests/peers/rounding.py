"""What rounding with compensation wins, and what the limits of groups cost with it and without.

    python tests/peers/rounding.py WORK --data DATA --model base.act [--split dev] [--bin FOLDER]
        [--seed 42 --seed 43] [-- --set 'QuantPost.schemes=[dynamic]' ...]

Quantises a float model with `QuantPost.weight_round` nearest and compensated and `weight_groups` none, pairs and
quads, everything else as act-quant is told behind `--`, and prints a Markdown table. Divergences are means of KL
from the float model's class probabilities, in thousandths of a nat: what act-quant's own judge found, and that
on the texts of a split, on which nothing was chosen; "weights alone" is the ONNX export of a model whose
inputs all have a scale per token, which computes them in float. With several seeds means over them, each with its own
calibration examples. Packages: ptq-requirements.txt.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import numpy as np

import ptq


def quantise(program, args, out, seed, more):
    report = out.with_suffix(".json")
    began = time.monotonic()
    subprocess.run([program("act-quant"), "-q", str(args.model), "--data", str(args.data), "--seed", str(seed),
                    "--set", "QuantPost.max_divergence=1", "-o", str(out), "--report", str(report), *more], check=True)
    seconds = time.monotonic() - began
    return json.loads(report.read_text())["quantization"], seconds


def weights_alone(program, artifact, feeds):
    """Logits with integer weights and float inputs; None if some inputs are integers in the export too."""
    graph = artifact.with_suffix(".onnx")
    told = subprocess.run([program("act-convert"), "export", str(artifact), "-o", str(graph)], check=True, text=True,
                          stderr=subprocess.PIPE).stderr
    logits = ptq.onnxruntime_logits(graph, feeds) if "scale inputs token by token" in told else None
    graph.unlink()
    return logits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the act programs")
    parser.add_argument("--seed", type=int, action="append")
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[:own.index("--")], own[own.index("--") + 1:]
    args = parser.parse_args(own)
    args.work.mkdir(parents=True, exist_ok=True)
    program = lambda name: str(args.bin / name) if args.bin else name  # noqa: E731
    encoder = ptq.Encoder(ptq.float_folder(program, args.model, args.work))
    files = [args.data / f"{stem}.json" for stem in (args.split, f"{args.split}_public")]
    file = next(file for file in files if file.exists())
    rows = list(ptq.read(file))
    classes, feeds = encoder.classes(rows), list(encoder.feeds(rows))
    float_ = ptq.act_logits(program("act-eval"), args.model, file)
    print(f"float: {args.split} accuracy {100 * (float_.argmax(1) == classes).mean():.2f} %, {len(rows)} examples\n")
    print(f"| weights | groups | judge, 1e-3 | {args.split}, 1e-3 | weights alone, 1e-3 | accuracy | seconds |")
    print("|---|---|--:|--:|--:|--:|--:|", flush=True)
    for how in ("nearest", "compensated"):
        for groups in ("none", "pairs", "quads"):
            found = []
            for seed in args.seed or [42]:
                out = args.work / f"{groups}-{how}-{seed}.act"
                told, seconds = quantise(program, args, out, seed, [
                    "--set", f"QuantPost.weight_groups={groups}", "--set", f"QuantPost.weight_round={how}", *more])
                logits = ptq.act_logits(program("act-eval"), out, file)
                alone = weights_alone(program, out, feeds)
                alone = np.nan if alone is None else ptq.divergence(alone, float_)[0]
                found.append([1e3 * told["divergence"], 1e3 * ptq.divergence(logits, float_)[0], 1e3 * alone,
                              100 * (logits.argmax(1) == classes).mean(), seconds])
            judge, split, alone, accuracy, seconds = np.mean(found, 0)
            alone = "" if np.isnan(alone) else f"{alone:.3g}"
            print(f"| {how} | {groups} | {judge:.3g} | {split:.3g} | {alone} | {accuracy:.2f} % | {seconds:.0f} |",
                  flush=True)


if __name__ == "__main__":
    main()
