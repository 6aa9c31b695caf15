"""Races act-infer against ONNX Runtime and OpenVINO: same models, same ids, same threads, in turn.

    python tests/peers/models.py build/bench/models
    python tests/peers/race.py build/bench/models --timed target/release/examples/timed

Every round runs every engine once in every setting, forwards and backwards alternately, so that a
busy machine hurts all alike. Prints a Markdown table of medians as ratios to ONNX Runtime float32
on BASE in the same setting, and writes all figures as JSON. Padding is computed by those engines
that cannot leave it out. `make bench` does it all.
"""

import argparse
import importlib.metadata
import json
import pathlib
import platform
import statistics
import subprocess
import time

import numpy as np

# Quantiles of the lengths of AFQMC's dev pairs, a character a token: mean 29.5.
REAL = [17, 18, 19, 20, 21, 22, 22, 23, 23, 24, 24, 25, 25, 26, 27, 27,
        28, 28, 29, 30, 30, 31, 32, 33, 34, 35, 36, 38, 40, 44, 49, 64]
# Lengths, and runs in a row a turn (one more, not counted, goes first where there are several).
SETTINGS = {"32x128": ([128] * 32, 1), "real": (REAL, 1), "1x32": ([32], 10)}
MODELS = {"base": "BASE", "pruned": "PRUNED25"}


class OnnxRuntime:
    package = "onnxruntime"

    def __init__(self, path, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Its threads spin within a run, its fastest way, and not into the next engine's.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self.session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])

    def run(self, batch):
        start = time.perf_counter()
        logits = self.session.run(["logits"], batch.padded)[0]
        return (time.perf_counter() - start) * 1e3, logits


class OpenVino:
    package = "openvino"

    def __init__(self, path, threads, precision=None):
        import openvino

        hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        if precision:
            hints["INFERENCE_PRECISION_HINT"] = precision
        self.request = openvino.Core().compile_model(path, "CPU", hints).create_infer_request()

    def run(self, batch):
        start = time.perf_counter()
        logits = self.request.infer(batch.padded, share_inputs=True)[0]
        return (time.perf_counter() - start) * 1e3, np.array(logits)


class ActInfer:
    package = None

    def __init__(self, path, threads, program):
        self.process = subprocess.Popen([program, path, str(threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.loaded = json.loads(self.process.stdout.readline())

    def run(self, batch):
        print(batch.ragged, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        self.memory = answer["memory"]
        return answer["ms"], np.array(answer["logits"], np.float32)


class Batch:
    """The same ids twice: padded to the longest, and as they are."""

    def __init__(self, lengths):
        draw = np.random.default_rng(3)
        shape = (len(lengths), max(lengths))
        mask = (np.arange(shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
        ids = draw.integers(100, 21000, shape) * mask
        ids[:, 0] = 2
        self.padded = {"input_ids": ids, "token_type_ids": ids * 0, "attention_mask": mask}
        self.ragged = json.dumps([row[:n].tolist() for row, n in zip(ids, lengths)])


def contestants(folder, threads, timed):
    """(engine, variant, model, constructor), the reference of all ratios first."""
    for model in MODELS:
        file = lambda ending: folder / f"{model}{ending}"  # noqa: E731
        peers = [
            ("ONNX Runtime", "f32", OnnxRuntime, ".onnx"),
            ("ONNX Runtime", "int8, our QDQ", OnnxRuntime, "-qdq.onnx"),
            ("ONNX Runtime", "int8, its static", OnnxRuntime, "-ort-static.onnx"),
            ("ONNX Runtime", "int8, its dynamic", OnnxRuntime, "-ort-dynamic.onnx"),
            ("OpenVINO", "f32", lambda p, t: OpenVino(p, t, "f32"), ".onnx"),
            ("OpenVINO", "bf16, its default here", OpenVino, ".onnx"),
            ("OpenVINO", "int8, our QDQ", OpenVino, "-qdq.onnx"),
            ("OpenVINO", "int8, NNCF", OpenVino, "-nncf.xml"),
        ]
        for engine, variant, kind, ending in peers:
            if file(ending).exists():
                yield engine, variant, model, lambda k=kind, p=file(ending): k(p, threads)
        for variant, ending in [("f32", ".act"), ("int8", "-int8.act")]:
            yield "act-infer", variant, model, lambda p=file(ending): ActInfer(p, threads, timed)


def race(folder, threads, rounds, timed, settings):
    """Milliseconds and logits: {(engine, variant, model): {setting: ...}}."""
    batches = {name: Batch(SETTINGS[name][0]) for name in settings}
    field = [((e, v, m), make()) for e, v, m, make in contestants(folder, threads, timed)]
    times = {key: {name: [] for name in settings} for key, _ in field}
    logits = {key: {} for key, _ in field}
    for turn in range(-1, rounds):  # the first warms up, as far as that is cheap
        for key, engine in field if turn % 2 else reversed(field):
            for name in settings:
                repeats = SETTINGS[name][1]
                if turn < 0 and name == "32x128":
                    continue
                runs = [engine.run(batches[name]) for _ in range(repeats + (repeats > 1))]
                logits[key][name] = runs[-1][1]
                if turn >= 0:
                    times[key][name] += [ms for ms, _ in runs[-repeats:]]
    memory = {key: {**engine.loaded, "memory": engine.memory}
              for key, engine in field if isinstance(engine, ActInfer)}
    return times, logits, memory


def rows(times, logits, memory):
    reference = times[("ONNX Runtime", "f32", "base")]
    for key, by_setting in times.items():
        engine, variant, model = key
        exact = logits[("ONNX Runtime", "f32", model)]
        row = {"engine": engine, "variant": variant, "model": MODELS[model], "settings": {}}
        for name, ms in by_setting.items():
            median = statistics.median(ms)
            row["settings"][name] = {
                "median_ms": median,
                "best_ms": min(ms),
                "runs": len(ms),
                "ratio": median / statistics.median(reference[name]),
                "largest_difference": float(np.abs(logits[key][name] - exact[name]).max()),
            }
        if key in memory:
            row["process"] = memory[key]
        yield row


def table(result):
    """Ratios; in brackets the milliseconds of the reference."""
    at = {(r["engine"], r["variant"], r["model"]): r["settings"] for r in result["rows"]}
    settings = list(result["rows"][0]["settings"])
    columns = [(s, m) for s in settings for m in MODELS.values()]
    lines = ["| engine | " + " | ".join(f"{s} {m}" for s, m in columns) + " |",
             "|---|" + "--:|" * len(columns)]
    for engine, variant in dict.fromkeys((e, v) for e, v, _ in at):
        cells = []
        for setting, model in columns:
            figures = at.get((engine, variant, model))
            cells.append(f"{figures[setting]['ratio']:.2f}" if figures else "")
        name = f"{engine} {variant}"
        if engine == "act-infer":
            name, cells = f"**{name}**", [f"**{c}**" for c in cells]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    base = at[("ONNX Runtime", "f32", "BASE")]
    scale = ", ".join(f"{s} {base[s]['median_ms']:.3g} ms" for s in settings)
    lines += ["", f"1.00 is ONNX Runtime f32 on BASE: {scale}. {result['threads']} thread(s), "
              f"medians of {result['rounds']} rounds in turn; {result['host']}; "
              + ", ".join(f"{k} {v}" for k, v in result["versions"].items()) + "."]
    return "\n".join(lines)


def cpu():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        return next(line.split(": ")[1] for line in text.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="what models.py has made")
    parser.add_argument("--timed", required=True, help="the program of act-infer's example `timed`")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--quick", action="store_true", help="one thread, two rounds")
    args = parser.parse_args()
    if args.quick:
        args.threads, args.rounds = [1], 2
    for threads in args.threads:
        measured = race(args.folder, threads, args.rounds, args.timed, args.settings)
        result = {
            "threads": threads,
            "rounds": args.rounds,
            "weights": "random",
            "host": cpu(),
            "versions": {p: importlib.metadata.version(p) for p in ("onnxruntime", "openvino")},
            "rows": list(rows(*measured)),
        }
        written = args.folder / f"race-{threads}.json"
        written.write_text(json.dumps(result, indent=1) + "\n")
        text = table(result)
        (args.folder / f"race-{threads}.md").write_text(text + "\n")
        print(f"\n{text}\n\nEverything measured: {written}", flush=True)


if __name__ == "__main__":
    main()
