"""A bounded campaign against the programs: hostile bytes, kills, limits, a server's bad clients.

    cargo build --release
    python3 tests/campaign/campaign.py [--seconds 240] [--seed 1] [--programs target/release] [--out build/campaign]

Needs Python 3.9 and a Unix; with the package `blake3` artifacts are signed again after a change, without it
that kind is skipped, and said to be. Ends with 1 if a promise of docs/security.md is broken, and prints
what was tried, a row a kind. Each run adds its rows to `result.md` of the folder `--out`, and every broken promise
to `broken.txt`, as soon as it is. Everything follows from the seed but where a kill strikes.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import kinds
from program import Programs
from tally import Notes, Tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=240, help="in all, divided among the kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path("target/release"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/campaign"), help="folder of results")
    parser.add_argument("--only", help="one kind, by its name")
    args = parser.parse_args()
    programs = Programs(args.programs.resolve())
    chosen = [kind for kind in kinds.ALL if args.only in (None, kind.__name__)]
    if not chosen:
        parser.error("kinds are " + ", ".join(kind.__name__ for kind in kinds.ALL))
    notes = Notes(args.out, f"--seconds {args.seconds:.0f} --seed {args.seed}")
    rows, broken = [], []
    with tempfile.TemporaryDirectory(prefix="act-campaign-") as folder:
        models = kinds.Models(programs, pathlib.Path(folder))
        for kind in chosen:
            tally = Tally(kind.__name__, args.seed, time.monotonic() + args.seconds / len(chosen), notes)
            kind(programs, models, tally)
            rows.append(tally)
            broken += [f"{tally.name}: {what}" for what in tally.broken]
            notes.result(tally.row())
            print(tally.row(), flush=True)
    for what in broken[:50]:
        print("BROKEN", what)
    if len(broken) > 50:
        print(f"and {len(broken) - 50} more, in {notes.broken_file}")
    print(f"{sum(tally.tried for tally in rows)} tried, {len(broken)} broke a promise")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
