"""Races two builds of act-infer: what a change costs, and whether it changes a bit.

    pip install -r race-requirements.txt
    python before_after.py BEFORE AFTER MODEL.act [--threads 1 2] [--rounds 7]

BEFORE and AFTER are programs of act-infer's example `timed`. In every round each answers each batch, in an order that is drawn, and
BEFORE does so twice, in two processes: how far those two are apart is how far apart equal programs seem here.
"""

import argparse
import random
import statistics

from race_engines import Batch, Process

DRAW = random.Random(1)
BATCHES = {
    "32 x 128": [Batch([128] * 32)],
    "32 x ~30": [Batch([DRAW.randint(10, 50) for _ in range(32)])] * 5,
    "1 x 32": [Batch([32])] * 5,
}


def race(field, rounds):
    """Milliseconds of every call by engine and batch, and whether all gave the same logits."""
    times, same = {(name, batch): [] for name in field for batch in BATCHES}, True
    for round_ in range(rounds + 1):
        order = DRAW.sample(list(field.items()), len(field))
        for batch, calls in BATCHES.items():
            for call in calls:
                answers = []
                for name, engine in order:
                    ms, logits = engine.run(call)
                    answers.append(logits)
                    # The first round warms up.
                    if round_:
                        times[name, batch].append(ms)
                same &= all((logits == answers[0]).all() for logits in answers)
    return times, same


def ratio(times, batch, name):
    """Of each call to that of `before` in the same turn."""
    ratios = [b / a for a, b in zip(times["before", batch], times[name, batch])]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    print("| threads | batch | before, ms | after / before | before / before | same bits |")
    print("|--:|---|--:|--:|--:|---|")
    for threads in args.threads:
        programs = {"before": args.before, "after": args.after, "before again": args.before}
        field = {name: Process(args.model, threads, program) for name, program in programs.items()}
        times, same = race(field, args.rounds)
        for batch in BATCHES:
            ms = statistics.median(times["before", batch])
            ratios = [ratio(times, batch, name) for name in ("after", "before again")]
            print(f"| {threads} | {batch} | {ms:,.2f} | {' | '.join(ratios)} | {'yes' if same else 'no'} |", flush=True)


main()
