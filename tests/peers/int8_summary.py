"""The tables of docs/benchmarks/int8.md out of what int8_tables.sh left in WORK: divergence from float, accuracy
and times, a column a data set.

    python tests/peers/int8_summary.py WORK TASK...
"""

import json
import pathlib
import sys

REFERENCE = "float, in ONNX Runtime"


def table(title, columns, rows):
    yield f"| {title} | {' | '.join(columns)} |"
    yield f"|---|{'--:|' * len(columns)}"
    for name, cells in rows:
        yield f"| {name} | {' | '.join(cells)} |"


def judged(work, tasks):
    """Of each task what was judged, by quantiser."""
    for task in tasks:
        rows = json.loads((work / task / "ptq.json").read_text())
        yield {row["quantiser"]: row for row in rows}


def main():
    work, tasks = pathlib.Path(sys.argv[1]), sys.argv[2:]
    found = list(judged(work, tasks))
    names = [name for name in found[0] if name not in (REFERENCE, "act, base")]
    columns = [f"{task} {of_task[REFERENCE]['split']}" for task, of_task in zip(tasks, found)]

    def rows(cell, wanted=names):
        return [(name, [cell(of_task[name]) for of_task in found]) for name in wanted]

    def divergence(row):
        return f"{1e3 * row['divergence']:.3g} ± {1e3 * row['divergence_error']:.2g}"

    def difference(row):
        return f"{100 * row['difference']:+.2f} ({100 * row['low']:+.2f} .. {100 * row['high']:+.2f})"

    print("\n".join(table("divergence, 1e-3", columns, rows(divergence))), end="\n\n")
    accuracy = rows(lambda row: f"{100 * row['accuracy']:.2f} %", [REFERENCE])
    print("\n".join(table("accuracy, points", columns, accuracy + rows(difference))), end="\n\n")
    size = rows(lambda row: f"{row['bytes'] / 1e6:.2f}", [REFERENCE, *names])
    print("\n".join(table("MB", columns, size)), end="\n\n")

    timed = [json.loads((work / task / "times.json").read_text())["times"] for task in tasks]
    for setting in next(iter(timed[0].values())):
        def ratio(of_task, name):
            if name not in of_task:
                return "-"
            found = of_task[name][setting]
            return f"{found['ratio']:.2f} ({found['low']:.2f} .. {found['high']:.2f})"

        cells = [(name, [ratio(of_task, name) for of_task in timed]) for name in timed[0]]
        print("\n".join(table(f"of float's time, {setting}", tasks, cells)), end="\n\n")


if __name__ == "__main__":
    main()
