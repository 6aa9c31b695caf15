"""Runs a program and judges how it ended."""

import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import threading

# What one hostile input of some megabytes may cost.
MOST_MIB = 1024
SECONDS = 60
CODES = {0, 1, 2, 3, 4, 130}


class Ran:
    """Exit code, standard error and peak memory of a run."""

    def __init__(self, code, stderr, mib, stdout):
        self.code, self.stderr, self.mib, self.stdout = code, stderr, mib, stdout

    def wrong(self):
        """What a run never is, whatever it was given; empty if all is well."""
        lines = self.stderr.splitlines()
        if self.code not in CODES:
            return f"exit code {self.code}: {self.stderr[-300:]}"
        if "internal error" in self.stderr or "panicked" in self.stderr:
            return f"a panic: {self.stderr[-300:]}"
        if self.code in (2, 3) and not lines:
            return f"exit code {self.code} without a word"
        if any(ord(c) < 32 and c not in "\n\t" or ord(c) == 127 for c in self.stderr):
            return f"a control character: {self.stderr[-300:]!r}"
        if self.mib > MOST_MIB:
            return f"{self.mib} MiB"
        return ""


class Programs:
    """The programs of a folder."""

    def __init__(self, folder):
        self.folder = folder
        if not (folder / "act-eval").exists():
            raise SystemExit(f"{folder}: no act-eval there; cargo build --release, or --programs DIR")

    def path(self, name):
        return str(self.folder / name)

    def run(self, name, *args, stdin=None, limits=None, stdout=subprocess.PIPE, cwd=None):
        """Runs to the end, or for a minute, which is a fault."""

        def limit():
            for what, most in (limits or {}).items():
                resource.setrlimit(what, (most, most))

        with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as printed:
            out = printed if stdout == subprocess.PIPE else stdout
            child = subprocess.Popen(
                [self.path(name), *map(str, args)],
                stdin=open(stdin, "rb") if stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                preexec_fn=limit,
                cwd=cwd,
            )
            timer = threading.Timer(SECONDS, child.kill)
            timer.start()
            _, status, usage = os.wait4(child.pid, 0)
            timer.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            printed.seek(0)
            stderr = errors.read().decode(errors="replace")
            return Ran(child.returncode, stderr, usage.ru_maxrss // 1024, printed.read())

    def killed(self, name, *args, after):
        """Runs, and kills what is not done after so many seconds; true if it was done."""
        child = subprocess.Popen(
            [self.path(name), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return child.wait(after) == 0
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            return False

    def ok(self, name, *args):
        """Runs what must succeed."""
        ran = self.run(name, *args)
        if ran.code != 0:
            raise SystemExit(f"{name} {' '.join(map(str, args))}: {ran.stderr}")
        return ran
