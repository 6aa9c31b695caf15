"""Makes the models of the race: ours with our own tools, the peers' with their own quantisers.

    python tests/peers/models.py build/bench/models     # with the act programs on the PATH

The weights are random: the time of a forward pass does not depend on them, its answers mean
nothing. What exists already is kept, unless act-quant is newer. BASE is 6 layers x 768 with 12
heads and 3072 neurons, PRUNED25 is BASE after `act-prune`: 9 heads and 2304 neurons; SMALL is 4
layers x 128 with 4 heads and 512 neurons.
"""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
from models_ctranslate2 import convert

CONFIG = "configs/pp-minilm/afqmc.yaml"
VOCABULARY = 21128  # tokens of the Chinese BERT
HEAD_DIMS = {"base": 64, "pruned": 64, "small": 32}


def vocabulary():
    """Special tokens, ASCII, and Chinese characters up to BERT's size."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    tokens += [chr(c) for c in range(0x4E00, 0xA000)]
    tokens = tokens[:VOCABULARY]
    return tokens + [f"[unused{i}]" for i in range(VOCABULARY - len(tokens))]


def make(target, *command, after=None):
    """Runs an act program that writes `target`, unless that is there and no older than `after`."""
    if target.exists() and not (after and after.stat().st_mtime > target.stat().st_mtime):
        return
    print("making", target, flush=True)
    part = target.with_name("part-" + target.name)
    subprocess.run([*map(str, command), "-q", "-o", str(part)], check=True)
    part.rename(target)


def ours(folder):
    vocab, data = folder / "vocab.txt", folder / "data"
    vocab.write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    make(data, "act-data", "sample", "afqmc")
    for model, layers, hidden, heads in [("base", 6, 768, 12), ("small", 4, 128, 4)]:
        make(folder / f"{model}.act", "act-convert", "new", "--layers", layers, "--hidden", hidden,
             "--heads", heads, "--vocab", vocab, "--data", data, "--task", "afqmc")
    # The shapes are asked for; which heads and neurons they are does not matter here.
    make(folder / "pruned.act", "act-prune", folder / "base.act", "-c", CONFIG, "--data", data,
         "--set", "Prune.calibration_examples=32")
    quantiser = pathlib.Path(shutil.which("act-quant"))
    for model in HEAD_DIMS:
        int8 = folder / f"{model}-int8.act"
        make(int8, "act-quant", folder / f"{model}.act", "-c", CONFIG, "--data", data,
             "--set", "QuantPost.batch_nums=2",
             "--set", "HyperParameterOptimization.max_quant_count=1", after=quantiser)
        make(folder / f"{model}.onnx", "act-convert", "export", folder / f"{model}.act")
        make(folder / f"{model}-qdq.onnx", "act-convert", "export", "--activations", "uint8", int8,
             after=int8)


def calibration(batches=8):
    """Random ids, as the models have random weights: [32, 32] a batch."""
    draw = np.random.default_rng(7)
    for _ in range(batches):
        ids = draw.integers(100, VOCABULARY, (32, 32))
        ids[:, 0] = 2
        yield {"input_ids": ids, "token_type_ids": ids * 0, "attention_mask": ids * 0 + 1}


def dynamic(folder, model, ending, **options):
    """ONNX Runtime's dynamic quantiser: weights per channel, of the linear layers alone."""
    from onnxruntime import quantization as q

    source, target = folder / f"{model}.onnx", folder / f"{model}{ending}"
    if not target.exists():
        q.quantize_dynamic(source, target, weight_type=q.QuantType.QInt8, per_channel=True,
                           op_types_to_quantize=["MatMul", "Gemm"],
                           extra_options={"MatMulConstBOnly": True}, **options)


def ctranslate2_own(folder, model):
    for ending, quantisation in [("-ct2", None), ("-ct2-int8", "int8")]:
        target = folder / f"{model}{ending}"
        if not target.exists():
            part = target.with_name("part-" + target.name)
            shutil.rmtree(part, ignore_errors=True)
            convert(folder / f"{model}.onnx", part, HEAD_DIMS[model], vocabulary(), quantisation)
            part.rename(target)


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
    for model in HEAD_DIMS:
        print("quantising", model, "with the peers' own tools", flush=True)
        dynamic(folder, model, "-ort-dynamic.onnx")
        # rten's kernels add pairs of products in 16 bits too: 7 bits of weight is what it asks for.
        dynamic(folder, model, "-rten.onnx", reduce_range=True)
        openvino_own(folder, model)
        ctranslate2_own(folder, model)


if __name__ == "__main__":
    main()
