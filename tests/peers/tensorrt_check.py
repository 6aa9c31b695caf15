"""Gives ONNX files to TensorRT's own parser and builder; no GPU is needed.

    pip install --no-deps -r tests/peers/tensorrt-requirements.txt
    mkdir DIR
    ACT_ONNX_DIR=DIR cargo test --release -p act-convert --test onnx -- --ignored
    python tests/peers/tensorrt_check.py DIR/tensorrt/*.onnx

This is TensorRT for RTX, whose builder compiles for a card that is not there. Its libraries are those
that a package of ONNX Runtime brings; the package `tensorrt` has to fetch its own from NVIDIA, and its
builder asks for a driver. An engine is built, not run: that takes a card. Prints a line a file, and
ends with exit code 1 if one is refused.
"""

import ctypes
import importlib.util
import pathlib
import sys

WITH_LIBRARIES = "onnxruntime_ep_nv_tensorrt_rtx"


def tensorrt():
    """The bindings, once the libraries they are linked to are loaded."""
    folder = pathlib.Path(importlib.util.find_spec(WITH_LIBRARIES).origin).parent
    for name in ["libtensorrt_rtx", "libtensorrt_onnxparser_rtx"]:
        (library,) = folder.glob(name + ".so*")
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import tensorrt_rtx_bindings

    return tensorrt_rtx_bindings


def refused(trt, log, model):
    """Why there is no engine of a file's bytes; none if there is one."""
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        return "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for i in range(network.num_inputs):
        profile.set_shape(network.get_input(i).name, (1, 1), (8, 16), (32, 32))
    config.add_optimization_profile(profile)
    if builder.build_serialized_network(network, config) is None:
        return "parsed, not built: " + log.last
    return None


def main():
    trt = tensorrt()

    class Log(trt.ILogger):
        last = ""

        def log(self, severity, message):
            if severity <= trt.ILogger.ERROR:
                self.last = message

    print("TensorRT for RTX", trt.__version__)
    failed = False
    for path in sys.argv[1:]:
        why = refused(trt, Log(), pathlib.Path(path).read_bytes())
        print(f"{path}: {why or 'built'}", flush=True)
        failed |= why is not None
    sys.exit(failed)


if __name__ == "__main__":
    main()
