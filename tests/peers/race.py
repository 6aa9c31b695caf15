"""Races act-infer against other engines: same models, same ids, same threads, in turn.

    python tests/peers/models.py build/bench/models
    python tests/peers/race.py build/bench/models --timed target/release/examples/timed

Every round runs every engine once in every setting, forwards and backwards alternately, so that a
busy machine hurts all alike. Prints Markdown tables of medians as ratios to ONNX Runtime float32 in
the same setting, and writes all figures as JSON. Padding is computed by those engines that cannot
leave it out. With --hide the engines do not see all that the processor can do. `make bench` does
it all.
"""

import argparse
import datetime
import importlib.metadata
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
import tomllib

import numpy as np
from race_engines import Batch, CTranslate2, OnnxRuntime, OpenVino, Process, computes_bf16
from race_processor import HIDDEN, check_hidden, kind, processor, run_again_hidden
from race_tables import tables

HERE = pathlib.Path(__file__).parent
# Quantiles of the lengths of AFQMC's dev pairs, a character a token: mean 29.5.
REAL = [17, 18, 19, 20, 21, 22, 22, 23, 23, 24, 24, 25, 25, 26, 27, 27,
        28, 28, 29, 30, 30, 31, 32, 33, 34, 35, 36, 38, 40, 44, 49, 64]
# Lengths; runs in a row (one more, not counted, goes first where there are several); how many rounds
# pass from one turn to the next, as a full batch takes seconds.
SETTINGS = {"32x128": ([128] * 32, 1, 2), "real": (REAL, 1, 1), "1x32": ([32], 10, 1),
            "1x128": ([128], 2, 1)}
MODELS = {"base": "BASE", "pruned": "PRUNED25", "small": "SMALL"}
REFERENCE = ("ONNX Runtime", "f32")


def contestants(folder, threads, programs):
    """(engine, variant, model, constructor), the reference of all ratios first."""
    peers = [
        (*REFERENCE, ".onnx", OnnxRuntime),
        ("ONNX Runtime", "int8, our QDQ", "-qdq.onnx", OnnxRuntime),
        ("ONNX Runtime", "int8, its dynamic", "-ort-dynamic.onnx", OnnxRuntime),
        ("OpenVINO", "f32", ".onnx", lambda p, t: OpenVino(p, t, "f32")),
        ("OpenVINO", "int8, NNCF", "-nncf.xml", OpenVino),
        ("CTranslate2", "f32", "-ct2", CTranslate2),
        ("CTranslate2", "int8", "-ct2-int8", CTranslate2),
    ]
    if computes_bf16():
        peers.insert(4, ("OpenVINO", "bf16, its default here", ".onnx", OpenVino))
    own = [("rten", "f32", ".onnx"), ("rten", "int8, its dynamic", "-rten.onnx"),
           ("act-infer", "f32", ".act"), ("act-infer", "int8", "-int8.act")]
    for engine, variant, ending in own:
        if programs[engine]:
            kind = lambda p, t, e=engine: Process(p, t, programs[e])  # noqa: E731
            peers.append((engine, variant, ending, kind))
    for model in MODELS:
        for engine, variant, ending, kind in peers:
            path = folder / f"{model}{ending}"
            other_f32 = by_the_way(engine, variant, "base")
            # Of PRUNED25 the best of each engine on one thread is enough.
            extra = threads > 1 or other_f32 or "dynamic" in variant
            left_out = extra if model == "pruned" else threads > 1 and other_f32
            if path.exists() and not left_out:
                yield engine, variant, model, lambda k=kind, p=path: k(p, threads)


def by_the_way(engine, variant, model):
    """Other engines' f32, which their int8 beats, has its turn in one round alone."""
    reference = engine == REFERENCE[0] and model != "pruned"
    return variant == "f32" and not reference and engine != "act-infer"


def race(field, rounds, settings):
    """Milliseconds and logits of (engine, variant, model) in a setting."""
    batches = {name: Batch(SETTINGS[name][0]) for name in settings}
    times = {key: {name: [] for name in settings} for key, _ in field}
    logits = {key: {} for key, _ in field}
    for turn in range(rounds):
        # In twos, so that what has its turn in every other round goes both ways too.
        for key, engine in field if turn // 2 % 2 else reversed(field):
            for name in settings:
                _, repeats, every = SETTINGS[name]
                every = rounds if by_the_way(*key) else min(every, rounds)
                if turn % every != every // 2:
                    continue
                runs = [engine.run(batches[name]) for _ in range(repeats + (repeats > 1))]
                logits[key][name] = runs[-1][1]
                times[key][name] += [ms for ms, _ in runs[-repeats:]]
    return times, logits


def typical(times):
    """The median, which a cold first run leaves alone; of one or two runs the faster."""
    return statistics.median(times) if len(times) > 2 else min(times)


def rows(times, logits, field):
    for (key, by_setting), (_, engine) in zip(times.items(), field):
        name, variant, model = key
        exact = logits[(*REFERENCE, model)]
        reference = times[(*REFERENCE, "base" if model == "pruned" else model)]
        row = {"engine": name, "variant": variant, "model": MODELS[model], "settings": {}}
        for setting, ms in by_setting.items():
            row["settings"][setting] = {
                "ms": round(typical(ms), 4),
                "best_ms": round(min(ms), 4),
                "runs": len(ms),
                "ratio": round(typical(ms) / typical(reference[setting]), 4),
            }
        row["difference"] = float(max(np.abs(logits[key][s] - exact[s]).max() for s in by_setting))
        if hasattr(engine, "kernels"):
            row["kernels"] = engine.kernels()
        if name == "act-infer":
            row["process"] = {**engine.loaded, "memory": engine.memory}
        row["correlation"] = min((alike(logits[key][s], exact[s]) for s in by_setting
                                  if len(exact[s]) > 1), default=None)
        # SMALL's logits hardly depend on the sequence: rounding is half of what they vary by.
        least = {"f32": 0.999}.get(variant, 0.6 if model != "small" else 0.2)
        if (row["correlation"] or 1) < least:
            print(f"WARNING: {key} computes another model: {row}", file=sys.stderr)
        yield row


def alike(logits, exact):
    """How the logits of a batch's sequences go together with the reference's: 1 is entirely."""
    return min(float(np.corrcoef(logits[:, i], exact[:, i])[0, 1]) for i in range(exact.shape[1]))


def race_on(threads, programs, args):
    field = [((e, v, m), make()) for e, v, m, make in contestants(args.folder, threads, programs)
             if m in args.models]
    run = {"threads": threads, "rows": list(rows(*race(field, args.rounds, args.settings), field))}
    check_hidden(args.hide, run["rows"])
    return run


def commit():
    """What was measured: the checkout's commit, and whether anything was changed."""
    command = ["git", "-C", HERE, "describe", "--always", "--dirty"]
    told = subprocess.run(command, capture_output=True, text=True)
    return told.stdout.strip() or "unknown"


def rten_version():
    lock = tomllib.loads((HERE / "rten" / "Cargo.lock").read_text())
    return next(p["version"] for p in lock["package"] if p["name"] == "rten")


def asked():
    """The make command of this run: programs and folder are Make's own."""
    line = " ".join(sys.argv[2:])
    flags = re.sub(r"--timed(-rten)? \S+", "", line).split()
    return f"make bench BENCH_FLAGS='{' '.join(flags)}'" if flags else "make bench"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="what models.py has made")
    parser.add_argument("--timed", required=True, help="the program of act-infer's example `timed`")
    parser.add_argument("--timed-rten", help="the program of tests/peers/rten")
    parser.add_argument("--hide", choices=HIDDEN, help="amx; or vnni, which hides AVX-512 and AMX too")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--quick", action="store_true", help="one thread, two rounds")
    args = parser.parse_args()
    if args.quick:
        args.threads, args.rounds = [1], 2
    if args.hide:
        run_again_hidden(args.hide, args.folder)
    programs = {"act-infer": args.timed, "rten": args.timed_rten}
    start = time.monotonic()
    runs = [race_on(threads, programs, args) for threads in args.threads]
    packages = ("onnxruntime", "openvino", "ctranslate2")
    result = {
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "command": asked(),
        "processor": processor(args.hide),
        "versions": {**{p: importlib.metadata.version(p) for p in packages}, "rten": rten_version()},
        "weights": "random",
        "rounds": args.rounds,
        "seconds": round(time.monotonic() - start),
        "runs": runs,
    }
    written = args.folder / f"race-{kind(result['processor']['features'])}.json"
    written.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{tables(result)}\n\nEverything measured: {written}", flush=True)


if __name__ == "__main__":
    main()
