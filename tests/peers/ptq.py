"""Int8 by act-quant and by the peers' own quantisers, of the same float model: accuracy and size.

    python tests/peers/ptq.py WORK --data DATA --model base.act --int8 int8.act [--accuracy-control]
        [--split dev --split test] [--no-histograms]

The act programs must be on the PATH (or --bin); packages: ptq-requirements.txt. Everybody calibrates
on the same examples of train, one sequence a batch, without padding where the quantiser allows that;
nobody reads dev or test but to be judged. The float graph is judged too: it must answer as act-eval does. Divergence
is the mean KL from the float graph's class probabilities, in thousandths of a nat, with its standard error. Prints a Markdown table for each
split and writes WORK/ptq.json; models that exist already in WORK are not made again.
"""

import argparse
import csv
import json
import math
import pathlib
import random
import subprocess
import sys

import numpy as np

CALIBRATION = 512
# ONNX Runtime's histogram calibrators keep every value of every example until the end, and demand
# that all examples have one length: they alone see padding.
HISTOGRAM_CALIBRATION = 128
CONTROL = 1000  # examples of train on which NNCF watches the accuracy


def read(path):
    """(first text, second or None, label) of a CLUE or GLUE file in JSON lines, of CoLA's table (source,
    label, mark, sentence; no header) or of banking77's (text and category; quoted, with a header)."""
    with open(path, encoding="utf-8", newline="") as file:
        if path.suffix == ".tsv":
            for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield row[3], None, row[1]
        elif path.suffix == ".csv":
            for row in csv.DictReader(file):
                yield row["text"], None, row["category"]
        else:
            for row in map(json.loads, file):
                first = row.get("sentence", row.get("sentence1"))
                yield first, row.get("sentence2"), str(row["label"])


def find(folder, name):
    """The file of a split, whatever it is called."""
    endings = (".json", "_public.json", ".tsv", ".csv")
    files = [folder / f"{name}{ending}" for ending in endings]
    return next(file for file in files if file.exists())


def float_folder(program, model, work):
    """The folder of the float model's graph, with its tokenizer and labels beside it."""
    folder = work / "float"
    if not folder.exists():
        command = [program("act-convert"), "export", "-q", str(model), "-o", f"{folder}/", "--onnx"]
        subprocess.run(command, check=True)
    return folder


def int8_graph(program, model, work):
    """The ONNX graph that other engines compute in int8, or None where a scale per token cannot be written."""
    path = work / f"act-{model.stem}.onnx"
    if not path.exists():
        command = [program("act-convert"), "export", str(model), "-o", str(path), "--activations", "uint8"]
        told = subprocess.run(command, check=True, text=True, stderr=subprocess.PIPE).stderr
        if "token by token" in told:
            path.unlink()
            return None
    return path


class Encoder:
    """The model's own tokenizer and labels, as exported beside the graph."""

    def __init__(self, folder, longest=128):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(longest)
        self.tokenizer.no_padding()
        names = json.loads((folder / "config.json").read_text())["id2label"]
        self.labels = {name: int(i) for i, name in names.items()}

    def feeds(self, rows):
        for first, second, _ in rows:
            encoding = self.tokenizer.encode(first, second)
            ids = np.array([encoding.ids], np.int64)
            yield {
                "input_ids": ids,
                "token_type_ids": np.array([encoding.type_ids], np.int64),
                "attention_mask": np.ones_like(ids),
            }

    def classes(self, rows):
        return np.array([self.labels[label] for *_, label in rows])


def onnxruntime_logits(path, feeds):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return np.array([session.run(["logits"], feed)[0][0] for feed in feeds])


def openvino_logits(model, feeds):
    import openvino

    if not isinstance(model, openvino.CompiledModel):
        hints = {"INFERENCE_PRECISION_HINT": "f32"}  # what is not int8 is f32, as everywhere here
        model = openvino.Core().compile_model(model, "CPU", hints)
    request = model.create_infer_request()
    return np.array([np.array(request.infer(feed)[0])[0] for feed in feeds])


def padded(feeds):
    """The same, each padded to the longest."""
    longest = max(feed["input_ids"].shape[1] for feed in feeds)
    widths = [((0, 0), (0, longest - feed["input_ids"].shape[1])) for feed in feeds]
    return [{name: np.pad(values, width) for name, values in feed.items()}
            for feed, width in zip(feeds, widths)]


def quantize_with_onnxruntime(work, source, feeds, histograms):
    """Yields (name, path) of ONNX Runtime's quantisers: weights per channel, tables too."""
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(q.CalibrationDataReader):
        def __init__(self, feeds):
            self.rest = iter(feeds)

        def get_next(self):
            return next(self.rest, None)

    prepared = work / "prepared.onnx"
    if not prepared.exists():
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    # The linear layers and the tables; not the products of attention.
    shared = {"op_types_to_quantize": ["MatMul", "Gemm", "Gather"], "per_channel": True}
    dynamic = work / "ort-dynamic.onnx"
    if not dynamic.exists():
        q.quantize_dynamic(prepared, dynamic, weight_type=q.QuantType.QInt8,
                           extra_options={"MatMulConstBOnly": True}, **shared)
    yield "ONNX Runtime, dynamic", dynamic
    methods = {
        "MinMax": (q.CalibrationMethod.MinMax, feeds),
        "Entropy": (q.CalibrationMethod.Entropy, padded(feeds[:HISTOGRAM_CALIBRATION])),
        "Percentile": (q.CalibrationMethod.Percentile, padded(feeds[:HISTOGRAM_CALIBRATION])),
    }
    for name, (method, feeds) in methods.items():
        if name != "MinMax" and not histograms:
            continue
        path = work / f"ort-{name.lower()}.onnx"
        if not path.exists():
            q.quantize_static(prepared, path, Reader(feeds), quant_format=q.QuantFormat.QDQ,
                              activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8,
                              calibrate_method=method, extra_options={"MatMulConstBOnly": True},
                              **shared)
        yield f"ONNX Runtime, static {name}", path


def quantize_with_nncf(work, source, feeds, control):
    """Yields (name, path) of NNCF's quantiser for transformers: SmoothQuant, fast bias correction."""
    import nncf
    import openvino

    plain = work / "nncf.xml"
    if not plain.exists():
        model = openvino.Core().read_model(source)
        model = nncf.quantize(model, nncf.Dataset(feeds), subset_size=len(feeds),
                              model_type=nncf.ModelType.TRANSFORMER)
        openvino.save_model(model, plain, compress_to_fp16=False)
    yield "OpenVINO, NNCF", plain
    if control is None:
        return
    controlled = work / "nncf-control.xml"
    if not controlled.exists():

        def accuracy(model, items):
            """NNCF asks about some of the items, too, when it ranks layers."""
            rows, classes = zip(*items)
            return float((openvino_logits(model, rows).argmax(1) == np.array(classes)).mean())

        model = openvino.Core().read_model(source)
        watched = nncf.Dataset(control, lambda item: item[0])
        model = nncf.quantize_with_accuracy_control(
            model, nncf.Dataset(feeds), watched, accuracy, max_drop=0.001,
            subset_size=len(feeds), model_type=nncf.ModelType.TRANSFORMER)
        openvino.save_model(model, controlled, compress_to_fp16=False)
    yield "OpenVINO, NNCF, accuracy control", controlled


def size(path):
    """Bytes to be served; an OpenVINO model's weights lie beside its graph."""
    weights = path.with_suffix(".bin")
    return path.stat().st_size + (weights.stat().st_size if path.suffix == ".xml" else 0)


def act_logits(program, model, file):
    """What act-eval predicts, in the order of the file; classes are in the model's own order."""
    out = subprocess.run([program, "predict", "-q", str(model), str(file)], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return np.array([json.loads(line)["logits"] for line in out.splitlines()])


def log_softmax(logits):
    logits = logits - logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def divergence(logits, reference):
    """Mean over examples of KL(reference || logits), in nats, and its standard error."""
    p, q = log_softmax(reference.astype(np.float64)), log_softmax(logits.astype(np.float64))
    of_example = (np.exp(p) * (p - q)).sum(1)
    return float(of_example.mean()), float(of_example.std() / math.sqrt(len(of_example)))


def newcombe(only_first, only_second, both, neither):
    """95 % interval of a paired difference (Newcombe 1998, method 10), as act-eval's."""
    n, z2 = only_first + only_second + both + neither, 1.959964 ** 2

    def wilson(k):
        centre, spread = k + z2 / 2, math.sqrt(z2 * (k * (n - k) / n + z2 / 4))
        return (centre - spread) / (n + z2), (centre + spread) / (n + z2)

    p, r = (both + only_first) / n, (both + only_second) / n
    (lp, hp), (lr, hr) = wilson(both + only_first), wilson(both + only_second)
    product = (both + only_first) * (only_second + neither) * (both + only_second)
    product *= only_first + neither
    excess = both * neither - only_first * only_second
    if excess > n / 2:
        excess -= n / 2
    elif excess >= 0:
        excess = 0
    phi = excess / math.sqrt(product) if product else 0.0
    low, high = (p - lp, hr - r), (hp - p, r - lr)
    spread = [math.sqrt(a * a - 2 * phi * a * b + b * b) for a, b in (low, high)]
    return p - r - spread[0], p - r + spread[1]


class Split:
    """Examples that quantisers are judged on, and the float graph's answers to them."""

    def __init__(self, name, folder, encoder, source, work):
        self.name = name
        rows = list(read(find(folder, name)))
        # As act-eval reads them, one a line.
        self.file = work / f"{name}.jsonl"
        self.file.write_text("".join(
            json.dumps({"sentence1": first, "sentence2": second} if second else {"sentence": first},
                       ensure_ascii=False) + "\n" for first, second, _ in rows), encoding="utf-8")
        self.feeds, self.classes = list(encoder.feeds(rows)), encoder.classes(rows)
        self.float = onnxruntime_logits(source, self.feeds)

    def judge(self, name, path, logits):
        right, reference = (rows.argmax(1) == self.classes for rows in (logits, self.float))
        count = [int((right == a).__and__(reference == b).sum())
                 for a, b in ((True, False), (False, True), (True, True), (False, False))]
        low, high = newcombe(*count)
        mean, error = divergence(logits, self.float)
        return {"split": self.name, "quantiser": name, "bytes": size(path),
                "accuracy": float(right.mean()),
                "difference": float(right.mean() - reference.mean()), "low": low, "high": high,
                "only_this": count[0], "only_float": count[1],
                "divergence": mean, "divergence_error": error}


def table(rows):
    yield (f"| quantiser | {rows[0]['split']} accuracy | difference, points | 95 % interval | only this "
           "| only float | divergence, 1e-3 | file |")
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for r in rows:
        yield (f"| {r['quantiser']} | {100 * r['accuracy']:.2f} % | {100 * r['difference']:+.2f} | "
               f"{100 * r['low']:+.2f} .. {100 * r['high']:+.2f} | {r['only_this']} | "
               f"{r['only_float']} | {1e3 * r['divergence']:.3g} ± "
               f"{1e3 * r['divergence_error']:.2g} | {r['bytes'] / 1e6:.2f} MB |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--int8", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the act programs")
    parser.add_argument("--split", action="append", help="judged on; default: dev")
    parser.add_argument("--no-histograms", dest="histograms", action="store_false",
                        help="without ONNX Runtime's slow calibrators, Entropy and Percentile")
    parser.add_argument("--accuracy-control", action="store_true", help="NNCF's slow way too")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    program = lambda name: str(args.bin / name) if args.bin else name  # noqa: E731

    folder = float_folder(program, args.model, args.work)
    source, encoder = folder / "model.onnx", Encoder(folder)
    train = list(read(find(args.data, "train")))
    random.Random(7).shuffle(train)
    calibration = list(encoder.feeds(train[:CALIBRATION]))
    control = None
    if args.accuracy_control:
        held_out = train[CALIBRATION:CALIBRATION + CONTROL]
        control = list(zip(encoder.feeds(held_out), encoder.classes(held_out)))
    splits = [Split(name, args.data, encoder, source, args.work) for name in args.split or ["dev"]]
    rows = []

    def judge(name, path, logits):
        """`logits` answers a split."""
        for split in splits:
            rows.append(split.judge(name, path, logits(split)))
            print(split.name, list(table(rows[-1:]))[-1], flush=True)

    judge("float, in ONNX Runtime", source, lambda split: split.float)
    for model in [args.model, *args.int8]:
        judge(f"act, {model.stem}", model,
              lambda split: act_logits(program("act-eval"), model, split.file))
    for model in args.int8:
        if graph := int8_graph(program, model, args.work):
            judge(f"act, {model.stem}, exported, in ONNX Runtime", graph,
                  lambda split: onnxruntime_logits(graph, split.feeds))
            judge(f"act, {model.stem}, exported, in OpenVINO", graph,
                  lambda split: openvino_logits(graph, split.feeds))
    for name, path in quantize_with_onnxruntime(args.work, source, calibration,
                                                args.histograms):
        judge(name, path, lambda split: onnxruntime_logits(path, split.feeds))
    for name, path in quantize_with_nncf(args.work, source, calibration, control):
        judge(name, path, lambda split: openvino_logits(path, split.feeds))
    (args.work / "ptq.json").write_text(json.dumps(rows, indent=1) + "\n")
    for split in splits:
        print("\n" + "\n".join(table([r for r in rows if r["split"] == split.name])))


if __name__ == "__main__":
    sys.exit(main())
