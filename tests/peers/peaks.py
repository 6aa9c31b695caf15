"""Which token's activations behind the GELU are the largest, layer by layer, and by how much.

    python tests/peers/peaks.py WORK --data DATA

WORK is a folder of ptq.py's: it holds the float graph and its tokenizer. Of 64 texts of train: the peak of the token with
the largest, over that of the median token, and which token that is. Packages: ptq-requirements.txt.
"""

import argparse
import collections
import pathlib
import random

import numpy as np
import onnx
import onnxruntime
from ptq import Encoder, find, read

TEXTS = 64


def neurons(graph):
    """Names of the values that narrow matrices read: the feed-forward neurons, in forward order."""
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    for node in graph.node:
        for weight in node.input[1:]:
            if node.op_type in ("MatMul", "Gemm") and weight in shapes:
                rows, columns = shapes[weight]
                if rows > 2 * columns and rows > 1000:
                    yield node.input[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    args = parser.parse_args()
    encoder = Encoder(args.work / "float")
    rows = list(read(find(args.data, "train")))
    random.Random(7).shuffle(rows)
    model = onnx.load(args.work / "float" / "model.onnx")
    names = list(neurons(model.graph))
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ratios, largest = [[] for _ in names], [collections.Counter() for _ in names]
    for feed in encoder.feeds(rows[:TEXTS]):
        for layer, values in enumerate(session.run(names, feed)):
            peaks = np.abs(values.reshape(-1, values.shape[-1])).max(1)
            ratios[layer].append(peaks.max() / np.median(peaks))
            token = int(feed["input_ids"].reshape(-1)[peaks.argmax()])
            largest[layer][encoder.tokenizer.id_to_token(token)] += 1
    for layer, (found, tokens) in enumerate(zip(ratios, largest)):
        print(f"layer {layer}: {np.median(found):.1f}, at most {max(found):.1f}; {tokens.most_common(3)}")


if __name__ == "__main__":
    main()
