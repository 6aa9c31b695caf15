"""The engines of the race: each runs a batch and says how long its forward pass took."""

import collections
import json
import os
import subprocess
import time

import numpy as np


class Batch:
    """The same ids in every form that an engine takes: as they are, or padded to the longest."""

    def __init__(self, lengths, tokens=21000):
        """`tokens`: how many the model knows, the first hundred of which are not drawn."""
        draw = np.random.default_rng(3)
        self.lengths = np.array(lengths, np.int32)
        shape = (len(lengths), max(lengths))
        mask = (np.arange(shape[1]) < self.lengths[:, None]).astype(np.int64)
        ids = draw.integers(100, tokens, shape) * mask
        ids[:, 0] = 2
        self.padded = {"input_ids": ids, "token_type_ids": ids * 0, "attention_mask": mask}
        self.ragged = json.dumps([row[:n].tolist() for row, n in zip(ids, lengths)])


class OnnxRuntime:
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
    def __init__(self, path, threads, precision=None):
        import openvino

        hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        if precision:
            hints["INFERENCE_PRECISION_HINT"] = precision
        self.model = openvino.Core().compile_model(path, "CPU", hints)
        self.request = self.model.create_infer_request()

    def run(self, batch):
        start = time.perf_counter()
        logits = self.request.infer(batch.padded, share_inputs=True)[0]
        return (time.perf_counter() - start) * 1e3, np.array(logits)

    def kernels(self):
        """The kernel of most linear layers, as the graph that was executed has it."""
        kinds = collections.Counter()
        for node in self.model.get_runtime_model().get_ordered_ops():
            info = node.get_rt_info()
            if info["layerType"].astype(str) == "FullyConnected":
                kinds[info["primitiveType"].astype(str)] += 1
        return kinds.most_common(1)[0][0] if kinds else None


class CTranslate2:
    """Its encoder and pooler; the classifier's few numbers are NumPy's."""

    def __init__(self, path, threads):
        import ctranslate2

        self.storage = ctranslate2.StorageView.from_array
        self.encoder = ctranslate2.Encoder(str(path), intra_threads=threads)
        classifier = np.load(path / "classifier.npz")
        self.weight, self.bias = classifier["weight"], classifier["bias"]

    def run(self, batch):
        ids = self.storage(batch.padded["input_ids"].astype(np.int32))
        lengths = self.storage(batch.lengths)
        start = time.perf_counter()
        pooled = self.encoder.forward_batch(ids, lengths).pooler_output
        logits = np.array(pooled) @ self.weight + self.bias
        return (time.perf_counter() - start) * 1e3, logits


class Process:
    """A program that times itself: a batch a line in, milliseconds and logits a line out."""

    def __init__(self, path, threads, program):
        self.process = subprocess.Popen([program, path, str(threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.loaded = json.loads(self.process.stdout.readline())
        self.memory = None

    def run(self, batch):
        print(batch.ragged, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        self.memory = answer.get("memory")
        return answer["ms"], np.array(answer["logits"], np.float32)

    def kernels(self):
        return self.loaded["kernels"]

    def __del__(self):
        self.process.communicate()  # it ends with its input


def computes_bf16():
    """Whether OpenVINO leaves f32 for bf16 here unless it is told otherwise."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
