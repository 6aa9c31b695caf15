"""What of the processor the engines of a race may use, and how some of it is hidden from them."""

import os
import pathlib
import platform
import subprocess
import sys

SOURCE = pathlib.Path(__file__).with_name("hide_features.c")
# What decides the speed of products, as Linux names it.
FEATURES = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"]
HIDDEN = {"amx": FEATURES[5:], "vnni": FEATURES[1:]}


def kind(features):
    """What the products of bytes are made of: the name of a table of the documents."""
    kinds = {"amx_int8": "amx", "avx512_vnni": "vnni", "avx_vnni": "avx-vnni", "avx2": "avx2"}
    return next((name for feature, name in kinds.items() if feature in features), "other")


def run_again_hidden(what, folder):
    """Starts this very program again with `what` hidden, unless it is."""
    if os.environ.get("HIDE_FEATURES") == what:
        return
    library = (folder / "hide_features.so").resolve()
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", library, SOURCE],
                   check=True)
    environment = {**os.environ, "HIDE_FEATURES": what, "LD_PRELOAD": str(library)}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def cpuinfo():
    """The first processor's lines, empty where there is no such file."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    return dict((part.strip() for part in line.split(":", 1)) for line in text.splitlines() if ":" in line)


def processor(hidden):
    """Name, family and model, cores, and the features that this process sees."""
    info = cpuinfo()
    flags = info.get("flags", "").split()
    return {
        "name": info.get("model name", platform.machine()),
        "family": info.get("cpu family"),
        "model": info.get("model"),
        "cores": os.cpu_count(),
        "features": [f for f in FEATURES if f in flags and f not in HIDDEN.get(hidden, [])],
        "hidden": [f for f in HIDDEN.get(hidden, []) if f in flags],
    }


def check_hidden(hidden, rows):
    """Ends the race if an engine tells of kernels that it should not have been able to choose."""
    from numpy._core._multiarray_umath import __cpu_features__ as seen

    words = {"amx": ["amx"], "vnni": ["amx", "avx512", "vnni"]}.get(hidden, [])
    for row in rows:
        if any(word in row.get("kernels", "").lower() for word in words):
            sys.exit(f"{hidden} is not hidden: {row['engine']} {row['variant']} has {row['kernels']}")
    if hidden == "vnni" and seen["AVX512F"]:
        sys.exit("AVX-512 is not hidden from this process")
