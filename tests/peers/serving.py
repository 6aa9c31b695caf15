"""Latency under an open-loop load: act-serve beside onnxruntime behind FastAPI and uvicorn, on one int8 model.

    cargo build --release && cargo build --release -p act-serve --example load
    act-convert export MODEL.act -o MODEL.onnx --activations uint8
    pip install -r tests/peers/serving-requirements.txt
    python tests/peers/serving.py MODEL.act MODEL.onnx vocab.txt texts.txt

Every server is asked at the same rates, in turn, `--rounds` times, by `load` (act-serve/examples/load.rs): Poisson
arrivals, times from when a request was to be sent. All share the machine with the load. A rate is kept if
all requests were answered within a second of the end. Before it is timed, every server must give the labels
of act-serve for all but a few texts.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("onnx")
    parser.add_argument("vocab", help="of a lower-casing BERT, one token a line")
    parser.add_argument("texts", help="one a line")
    parser.add_argument("--rates", type=float, nargs="+", default=[50, 100, 200, 400, 800, 1600, 3200])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--wait", nargs="*", default=[], help="act-serve with these --max-wait too")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parent.parent / "target/release")
    parser.add_argument("--agreement", type=float, default=0.99)
    return parser.parse_args()


def get(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


class Act:
    def __init__(self, args, wait=None):
        self.name = "act-serve" + (f", --max-wait {wait}" if wait else "")
        flags = ["--threads", str(args.threads), *(["--max-wait", wait] if wait else [])]
        self.child = subprocess.Popen(
            [args.programs / "act-serve", f"m={args.model}", "--listen", "127.0.0.1:0", *flags],
            stderr=subprocess.PIPE, text=True)
        for line in self.child.stderr:
            if "listening on" in line:
                self.address = line.split("http://")[1].split()[0]
                return
        raise SystemExit("act-serve does not start")


class FastApi:
    port = 18200

    def __init__(self, args, info, workers):
        FastApi.port += 1
        self.address = f"127.0.0.1:{FastApi.port}"
        threads = max(1, args.threads // workers)
        self.name = f"FastAPI, {workers} process{'es' if workers > 1 else ''} of {threads} threads"
        labels = info["model_type"]["classifier"]["id2label"]
        environment = os.environ | {
            "MODEL": str(pathlib.Path(args.onnx).resolve()), "VOCAB": str(pathlib.Path(args.vocab).resolve()),
            "LABELS": ",".join(labels[str(i)] for i in range(len(labels))),
            "LONGEST": str(info["max_input_length"]), "THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "serving_fastapi:app", "--port", str(FastApi.port),
             "--workers", str(workers), "--log-level", "warning", "--no-access-log"], cwd=HERE, env=environment)
        for _ in range(600):
            try:
                get(f"http://{self.address}/predict", {"inputs": "a"})
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("uvicorn does not start")


def load(args, server, rate):
    ran = subprocess.run([args.programs / "examples/load", server.address, str(rate), str(args.seconds), args.texts],
                         check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


def agreement(servers, texts):
    """The share of texts for which each server says the first one's label."""
    said = [[get(f"http://{server.address}/predict", {"inputs": text})[0]["label"] for text in texts]
            for server in servers]
    return [sum(a == b for a, b in zip(said[0], other)) / len(texts) for other in said]


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        told = dict(line.split(":", 1) for line in cpuinfo.read().split("\n\n")[0].splitlines())
    told = {key.strip(): value.strip() for key, value in told.items()}
    return f"{told['model name']}, family {told['cpu family']}, model {told['model']}"


def cell(runs):
    """Medians over the rounds of p50 / p99 in milliseconds, if the rate was kept."""
    lost = sum(run["failed"] for run in runs)
    behind = max(run["behind_s"] for run in runs)
    if lost or behind > 1:
        return f"not kept ({lost} failed, {behind:.1f} s behind)"
    return " / ".join(f"{statistics.median(run[key] for run in runs):.1f}" for key in ("p50_ms", "p99_ms"))


def main():
    args = arguments()
    servers = [Act(args)]
    try:
        info = get(f"http://{servers[0].address}/info")
        servers += [Act(args, wait) for wait in args.wait]
        servers += [FastApi(args, info, workers) for workers in sorted({1, args.threads})]
        texts = [line for line in pathlib.Path(args.texts).read_text(encoding="utf-8").splitlines() if line][:200]
        for server, share in zip(servers, agreement(servers, texts)):
            if share < args.agreement:
                raise SystemExit(f"{server.name} says the same label for {100 * share:.1f}% of the texts only")
        print(f"{processor()}; {os.cpu_count()} cores; load {re.sub(' .*', '', open('/proc/loadavg').read())}\n")
        print("| requests/s | " + " | ".join(server.name for server in servers) + " |")
        print("|--:" * (len(servers) + 1) + "|")
        given_up = set()
        for rate in args.rates:
            runs = {server: [] for server in servers}
            for _ in range(args.rounds):
                for server in servers:
                    if server not in given_up:
                        runs[server].append(load(args, server, rate))
            cells = [cell(runs[server]) if runs[server] else "" for server in servers]
            given_up |= {server for server, told in zip(servers, cells) if told.startswith("not kept")}
            print(f"| {rate:.0f} | " + " | ".join(cells) + " |", flush=True)
    finally:
        for server in servers:
            server.child.terminate()
        for server in servers:
            server.child.wait(20)


if __name__ == "__main__":
    main()
