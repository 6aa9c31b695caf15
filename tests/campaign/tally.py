"""What a kind of abuse tried, and how bytes are changed."""

import random
import time


class Notes:
    """Files that outlive a run, also one that is killed: the rows of its result, and each promise as it breaks."""

    def __init__(self, folder, how):
        folder.mkdir(parents=True, exist_ok=True)
        self.result_file, self.broken_file = folder / "result.md", folder / "broken.txt"
        self.result(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')}, {how}\n")

    def result(self, line):
        self._add(self.result_file, line)

    def broken(self, line):
        self._add(self.broken_file, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")

    @staticmethod
    def _add(path, line):
        with open(path, "a", encoding="utf-8") as file:
            print(line, file=file)


class Tally:
    """What a kind tried, and what came of it."""

    def __init__(self, name, seed, end, notes):
        self.notes = notes
        self.name, self.end, self.random = name, end, random.Random(f"{seed} {name}")
        self.tried, self.codes, self.broken, self.unclear, self.note = 0, {}, [], 0, ""

    def going(self):
        return time.monotonic() < self.end

    def add(self, ran, what, allowed=(0, 2, 3)):
        """Notes a run, which must have ended with one of these codes and broken no promise."""
        self.tried += 1
        self.codes[ran.code] = self.codes.get(ran.code, 0) + 1
        wrong = ran.wrong() or ("" if ran.code in allowed else f"exit code {ran.code}: {ran.stderr[-300:]}")
        if wrong:
            self.breaks(f"{what}: {wrong}")

    def expect(self, holds, what):
        self.tried += 1
        if not holds:
            self.breaks(what)

    def expect_time(self, holds, what, busy):
        """As `expect`, but on a machine that is busy with other things a time that is missed says nothing."""
        self.tried += 1
        if not holds and busy:
            self.unclear += 1
            self.notes.broken(f"{self.name}: unclear, the machine is busy: {what}")
        elif not holds:
            self.breaks(what)

    def breaks(self, what):
        """Notes a promise that is broken."""
        self.broken.append(what)
        self.notes.broken(f"{self.name}: {what}")

    def row(self):
        codes = ", ".join(f"{n} ended with {code}" for code, n in sorted(self.codes.items()))
        unclear = f", {self.unclear} unclear: the machine is busy" if self.unclear else ""
        return f"| `{self.name}` | {self.tried} | {codes or self.note} | {len(self.broken)}{unclear} |"


def changed(bytes_, rng):
    """Flips, cuts, repeats or overwrites some of the bytes."""
    bytes_ = bytearray(bytes_)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(bytes_)) if bytes_ else 0
        how = rng.randrange(5)
        if how == 0 and bytes_:
            bytes_[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del bytes_[at:]
        elif how == 2:
            bytes_[at:at] = bytes_[at:at + rng.randrange(1, 64)] * rng.choice([1, 3, 1000])
        elif how == 3:
            bytes_[at:at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, b'{"":0},', b"\x1b[2J"])
        else:
            del bytes_[at:at + rng.randrange(1, 32)]
    return bytes(bytes_)
