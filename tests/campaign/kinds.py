"""The kinds of abuse. Each tries until its time is over, and notes what broke a promise."""

import gzip
import io
import json
import resource
import shutil
import subprocess
import tarfile
import time

from serving import server
from tally import changed

try:
    from blake3 import blake3
except ImportError:
    blake3 = None


class Models:
    """What is abused: data, an artifact and a folder of its own, made by the programs themselves."""

    def __init__(self, programs, folder):
        self.folder = folder
        self.data, self.act, self.hf = folder / "data", folder / "m.act", folder / "hf"
        programs.ok("act-data", "sample", "afqmc", "-o", self.data, "--train", 120, "--dev", 40)
        programs.ok("act-convert", "new", "--layers", 2, "--hidden", 32, "--heads", 2, "--data", self.data,
                    "--task", "afqmc", "-o", self.act)
        self.other = folder / "other.act"
        programs.ok("act-convert", "new", "--layers", 1, "--hidden", 64, "--heads", 2, "--data", self.data,
                    "--task", "afqmc", "--seed", 7, "-o", self.other)
        programs.ok("act-convert", "export", self.act, "-o", f"{self.hf}/")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(self.hf, arcname="hf")
        self.tar = packed.getvalue()
        self.work = folder / "work"
        self.work.mkdir()


def artifacts(programs, models, tally):
    """Changed artifacts: each byte is under a digest, so every change is refused."""
    whole, path = models.act.read_bytes(), models.work / "changed.act"
    while tally.going():
        bytes_ = changed(whole, tally.random)
        path.write_bytes(bytes_)
        allowed = (3,) if bytes_ != whole else (0,)
        tally.add(programs.run("act-eval", "accuracy", path, "--data", models.data), "an artifact", allowed)


def signed(programs, models, tally):
    """Changed metadata with right digests: what is refused is refused by a rule."""
    if blake3 is None:
        tally.note = "skipped: pip install blake3"
        return
    whole, path = models.act.read_bytes(), models.work / "signed.act"
    end = int.from_bytes(whole[0x18:0x20], "little") - 16
    while tally.going():
        bytes_ = bytearray(whole)
        for _ in range(tally.random.choice([1, 1, 3])):
            at = tally.random.randrange(64, end)
            bytes_[at] = tally.random.choice([0, 1, 0x7f, 0x80, 0xff, tally.random.randrange(256)])
        bytes_[0x20:0x40] = blake3(bytes(bytes_[64:end])).digest()
        bytes_[-32:] = blake3(bytes(bytes_[:-64])).digest()
        path.write_bytes(bytes_)
        # What the rules allow may compute anything, also no finite scores (1).
        ran = programs.run("act-eval", "predict", path, stdin=models.data / "dev.json")
        tally.add(ran, "a signed artifact", (0, 1, 2, 3))


def sources(programs, models, tally):
    """Hugging Face folders with one file changed, and JSON that takes memory out of proportion."""
    names = sorted(path.name for path in models.hf.iterdir())
    bomb = b'{"x":[' + b",".join([b'{"":0}'] * 500_000) + b"]}"
    while tally.going():
        folder = models.work / "source"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(models.hf, folder)
        name = tally.random.choice(names)
        whole = (folder / name).read_bytes()
        json_bomb = name.endswith(".json") and tally.random.random() < 0.2
        (folder / name).write_bytes(bomb if json_bomb else changed(whole, tally.random))
        ran = programs.run("act-convert", "import", folder, "-o", models.work / "imported.act")
        tally.add(ran, f"a folder with another {name}", (3,) if json_bomb else (0, 2, 3))


def archives(programs, models, tally):
    """Damaged archives: what is imported from one is the model that was packed."""
    whole = gzip.compress(models.tar, mtime=0)
    path, imported = models.work / "damaged.tgz", models.work / "imported.act"

    def model(source):
        imported.unlink(missing_ok=True)
        ran = programs.run("act-convert", "import", source, "-o", imported)
        return ran, imported.read_bytes() if ran.code == 0 else None

    path.write_bytes(whole)
    _, right = model(path)
    while tally.going():
        bytes_ = bytearray(whole)
        bytes_[tally.random.randrange(len(bytes_))] ^= 1 << tally.random.randrange(8)
        path.write_bytes(bytes_)
        ran, found = model(path)
        tally.add(ran, "an archive", (0, 2, 3))
        if found not in (None, right):
            tally.breaks("a damaged archive is another model")


def texts(programs, models, tally):
    """Changed data, descriptions and configurations."""
    config = b"Global:\n  batch_size: 8\nTrainConfig:\n  epochs: 1\n  learning_rate: 0.001\nPrune:\n  pruned_ratio: 0.5\n"
    description = json.dumps({"task": "own", "labels": ["0", "1"],
                              "columns": {"text": "sentence1", "pair": "sentence2"}}).encode()
    lines = (models.data / "train.json").read_bytes()[:4000]
    folder = models.work / "texts"
    folder.mkdir(exist_ok=True)
    while tally.going():
        parts = [description, lines, config]
        which = tally.random.randrange(3)
        parts[which] = changed(parts[which], tally.random)
        for name, bytes_ in zip(["act-dataset.json", "train.json", "c.yaml"], parts):
            (folder / name).write_bytes(bytes_)
        tally.add(programs.run("act-data", "check", folder), "data")
        ran = programs.run("act-prune", models.act, "-c", folder / "c.yaml", "--data", models.data,
                           "-o", folder / "out.act")
        tally.add(ran, "a configuration", (0, 1, 2))


def kills(programs, models, tally):
    """A training that is killed again and again ends in the model of one that never was."""
    folder = models.work / "kills"
    folder.mkdir()
    config = folder / "c.yaml"
    config.write_text("TrainConfig:\n  epochs: 2\n  batch_size: 8\n")

    def args(output):
        return ["act-distill", models.act, "-c", config, "--data", models.data, "-o", folder / output,
                "--checkpoint-every", "0"]

    start = time.monotonic()
    programs.ok(*args("whole.act"))
    took = time.monotonic() - start
    whole = (folder / "whole.act").read_bytes()
    while tally.going():
        output = folder / "killed.act"
        output.unlink(missing_ok=True)
        done = False
        while not done and tally.going():
            done = programs.killed(*args("killed.act"), after=took * tally.random.uniform(0.2, 1.1))
            tally.expect(done or not output.exists() or output.read_bytes() == whole, "a half file")
        if not done:
            programs.ok(*args("killed.act"))
        tally.expect(output.read_bytes() == whole, "a killed training ends in another model")
    tally.note = "kills and ends"


def limits(programs, models, tally):
    """Small limits of files and memory, a closed standard output: a code, a line, a tidy folder."""
    folder = models.work / "limits"
    config = models.work / "limits.yaml"
    config.write_text("TrainConfig:\n  epochs: 1\n")
    while tally.going():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        most = tally.random.randrange(0, 100_000)
        args = ["act-distill", models.act, "-c", config, "--data", models.data, "-o", folder / "out.act",
                "--checkpoint-every", "0"]
        ran = programs.run(*args, limits={resource.RLIMIT_FSIZE: most})
        tally.add(ran, f"files of {most} bytes", (0, 1))
        left = [path.name for path in folder.iterdir() if path.name != "out.act"]
        tally.expect(ran.code == 0 or not any(".tmp" in name for name in left), f"left behind: {left}")
        shell = f"exec '{programs.path('act-convert')}' import '{models.act}' >&-"
        closed = subprocess.run(["sh", "-c", shell], capture_output=True, check=False)
        tally.expect(closed.returncode == 1, f"a closed standard output: {closed.returncode}")


ALL = [artifacts, signed, sources, archives, texts, kills, limits, server]
