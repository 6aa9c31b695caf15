"""Records what ONNX Runtime makes of the tiny models of act-convert/tests/onnx.rs.

    mkdir DIR
    ACT_ONNX_DIR=DIR cargo test --release -p act-convert --test onnx -- --ignored
    python tests/peers/onnx_record.py DIR > act-convert/tests/onnx.json

Every row is run in one padded batch, by the graph as it is written (no optimiser), so that the
numbers are the operators' own.
"""

import json
import pathlib
import sys

import onnx

from onnx_check import logits, padded, session


def record(directory):
    manifest = json.loads((directory / "manifest.json").read_text())
    feed = padded(manifest["rows"])
    for model in manifest["models"]:
        path = str(directory / (model["name"] + ".onnx"))
        onnx.checker.check_model(path, full_check=True)
        scores = logits(session(path, disabled=True), feed)
        model["logits"] = [[float(f"{x:.7g}") for x in row] for row in scores]
    return manifest


def dump(recording):
    """JSON with a line for each row, so that differences can be read."""
    compact = lambda value: json.dumps(value, separators=(",", ":"))
    lines = lambda values: ",\n".join(map(compact, values))
    models = ",\n".join(
        '{"name":%s,"graph":%s,"logits":[\n%s]}'
        % (compact(m["name"]), compact(m["graph"]), lines(m["logits"]))
        for m in recording["models"]
    )
    return '{"rows":[\n%s],\n"models":[\n%s]}' % (lines(recording["rows"]), models)


if __name__ == "__main__":
    print(dump(record(pathlib.Path(sys.argv[1]))))
