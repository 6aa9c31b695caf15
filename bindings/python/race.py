"""From text to label, act_infer beside onnxruntime with `tokenizers`, in one process and on one int8 model:

    act-convert export MODEL.act -o MODEL.onnx --activations uint8
    pip install act_infer-*.whl -r race-requirements.txt
    python race.py MODEL.act MODEL.onnx vocab.txt texts.txt

Both get the same texts in the same order and the same batches, and must say the same labels but for a few
(`--agreement`); onnxruntime's batches are padded to their longest text, as by everybody who serves it. They take
turns, and the ratio of each turn counts, so that a busy machine slows both.
"""

import argparse
import os
import platform
import statistics
import time

import numpy as np
import onnxruntime
import tokenizers

import act_infer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("onnx")
    parser.add_argument("vocab", help="of a lower-casing BERT, one token a line")
    parser.add_argument("texts", help="one a line")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--most", type=int, default=2000, help="texts of a round")
    parser.add_argument("--agreement", type=float, default=0.99)
    return parser.parse_args()


class OnnxRuntime:
    """What a service in Python does today: tokenize a batch, pad it, run it, take the largest."""

    def __init__(self, path, vocab, longest, threads, labels):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.tokenizer = tokenizers.BertWordPieceTokenizer(vocab, lowercase=True)
        self.tokenizer.enable_truncation(longest)
        self.tokenizer.enable_padding()
        self.labels = np.array(labels)

    def __call__(self, texts):
        encoded = self.tokenizer.encode_batch(texts)
        arrays = {
            "input_ids": np.array([e.ids for e in encoded], np.int64),
            "token_type_ids": np.array([e.type_ids for e in encoded], np.int64),
            "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
        }
        [logits] = self.session.run(None, {name: arrays[name] for name in self.inputs})
        return self.labels[logits.argmax(axis=1)]


def answer(classify, batches):
    """The labels, and how long they took."""
    start = time.perf_counter()
    labels = [label for batch in batches for label in classify(batch)]
    return labels, time.perf_counter() - start


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        told = dict(line.split(":", 1) for line in cpuinfo.read().split("\n\n")[0].splitlines())
    told = {key.strip(): value.strip() for key, value in told.items()}
    return f"{told['model name']}, family {told['cpu family']}, model {told['model']}"


def main():
    args = arguments()
    # `tokenizers` has threads of its own, and is to have as many as the rest.
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    with open(args.texts, encoding="utf-8") as lines:
        texts = [line.rstrip("\n") for line in lines][: args.most]
    act = act_infer.Classifier(args.model, threads=args.threads, truncation="silent")
    ort = OnnxRuntime(args.onnx, args.vocab, act.max_tokens, args.threads, act.labels)
    classify = {"act_infer": lambda batch: act(batch).labels, "onnxruntime": ort}
    tokens = act(texts).tokens
    print(f"{processor()}; kernels {act.kernels}; load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    print(
        f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, tokenizers "
        f"{tokenizers.__version__}, act_infer {act_infer.__version__}; {args.threads} thread(s)"
    )
    print(f"{len(texts)} texts of {tokens.mean():.1f} tokens, at most {act.max_tokens}; {args.rounds} rounds\n")
    print("| batch | act_infer, texts/s | onnxruntime, texts/s | ratio (of each round) | same labels |")
    print("|--:|--:|--:|--:|--:|")
    for size in args.batches:
        batches = [texts[i : i + size] for i in range(0, len(texts), size)]
        times = {name: [] for name in classify}
        for round_ in range(args.rounds + 1):
            answers = {}
            for name in sorted(classify, reverse=bool(round_ % 2)):
                answers[name], seconds = answer(classify[name], batches)
                if round_:  # The first is for warming up.
                    times[name].append(seconds)
        same = np.mean(np.array(answers["act_infer"]) == np.array(answers["onnxruntime"]))
        if same < args.agreement:
            raise SystemExit(f"only {same:.1%} of the labels are the same: other models?")
        ratios = [o / a for a, o in zip(times["act_infer"], times["onnxruntime"], strict=True)]
        speeds = [len(texts) / statistics.median(times[name]) for name in classify]
        print(
            f"| {size} | {speeds[0]:,.0f} | {speeds[1]:,.0f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} .. {max(ratios):.2f}) | {same:.1%} |"
        )


if __name__ == "__main__":
    main()
