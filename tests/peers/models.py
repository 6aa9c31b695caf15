"""Makes the models of the race: ours with our own tools, the peers' with their own quantisers.

    python tests/peers/models.py build/bench/models     # with the act programs on the PATH

The weights are random: the time of a forward pass does not depend on them, its answers mean
nothing. What exists already is kept. BASE is 6 layers x 768 with 12 heads and 3072 neurons,
PRUNED25 is BASE after `act-prune`: 9 heads and 2304 neurons.
"""

import pathlib
import subprocess
import sys

import numpy as np

CONFIG = "configs/pp-minilm/afqmc.yaml"
VOCABULARY = 21128  # tokens of the Chinese BERT
MODELS = ("base", "pruned")


def vocabulary():
    """Special tokens, ASCII, and Chinese characters up to BERT's size."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    tokens += [chr(c) for c in range(0x4E00, 0xA000)]
    tokens = tokens[:VOCABULARY]
    return tokens + [f"[unused{i}]" for i in range(VOCABULARY - len(tokens))]


def make(target, *command):
    """Runs an act program that writes `target`, unless that is there."""
    if target.exists():
        return
    print("making", target, flush=True)
    part = target.with_name("part-" + target.name)
    subprocess.run([*map(str, command), "-q", "-o", str(part)], check=True)
    part.rename(target)


def ours(folder):
    vocab, data = folder / "vocab.txt", folder / "data"
    vocab.write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    make(data, "act-data", "sample", "afqmc")
    make(folder / "base.act", "act-convert", "new", "--layers", 6, "--hidden", 768, "--heads", 12,
         "--vocab", vocab, "--data", data, "--task", "afqmc")
    # The shapes are asked for; which heads and neurons they are does not matter here.
    make(folder / "pruned.act", "act-prune", folder / "base.act", "-c", CONFIG, "--data", data,
         "--set", "Prune.calibration_examples=32")
    for model in MODELS:
        make(folder / f"{model}-int8.act", "act-quant", folder / f"{model}.act", "-c", CONFIG,
             "--data", data, "--set", "QuantPost.batch_nums=2",
             "--set", "HyperParameterOptimization.max_quant_count=1")
        make(folder / f"{model}.onnx", "act-convert", "export", folder / f"{model}.act")
        make(folder / f"{model}-qdq.onnx", "act-convert", "export", "--activations", "uint8",
             folder / f"{model}-int8.act")


def calibration(batches=8):
    """Random ids, as the models have random weights: [32, 32] a batch."""
    draw = np.random.default_rng(7)
    for _ in range(batches):
        ids = draw.integers(100, VOCABULARY, (32, 32))
        ids[:, 0] = 2
        yield {"input_ids": ids, "token_type_ids": ids * 0, "attention_mask": ids * 0 + 1}


def onnxruntime_own(folder, model):
    """ONNX Runtime's quantisers: dynamic, and static with weights per channel."""
    from onnxruntime import quantization as q

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.batches = calibration()

        def get_next(self):
            return next(self.batches, None)

    source = folder / f"{model}.onnx"
    linears = {"op_types_to_quantize": ["MatMul", "Gemm"], "per_channel": True}
    constant = {"MatMulConstBOnly": True}  # the linear layers, not the products of attention
    dynamic, static = folder / f"{model}-ort-dynamic.onnx", folder / f"{model}-ort-static.onnx"
    if not dynamic.exists():
        q.quantize_dynamic(source, dynamic, weight_type=q.QuantType.QInt8, extra_options=constant,
                           **linears)
    if not static.exists():
        q.quantize_static(source, static, Reader(), quant_format=q.QuantFormat.QDQ,
                          activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8,
                          extra_options=constant, **linears)


def openvino_own(folder, model):
    """NNCF's quantiser for transformers, with SmoothQuant and fast bias correction."""
    target = folder / f"{model}-nncf.xml"
    if target.exists():
        return
    try:
        import nncf
    except ImportError as error:
        print("NNCF is not installed, its models are left out:", error)
        return
    import openvino

    source = openvino.Core().read_model(folder / f"{model}.onnx")
    quantised = nncf.quantize(source, nncf.Dataset(list(calibration())), subset_size=8,
                              model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantised, target, compress_to_fp16=False)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    ours(folder)
    for model in MODELS:
        print("quantising", model, "with the peers' own tools", flush=True)
        onnxruntime_own(folder, model)
        openvino_own(folder, model)


if __name__ == "__main__":
    main()
