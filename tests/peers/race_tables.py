"""Turns what race.py has measured into Markdown, and puts it where the documents show it.

    python tests/peers/race_tables.py build/bench/models/race*.json

takes the files into docs/benchmarks and writes the tables anew, between `<!-- race-avx2 -->` and
`<!-- end -->` in a page; without a file only the latter. What was not measured stays as it is.
"""

import json
import pathlib
import re
import shutil
import sys
import textwrap

ROOT = pathlib.Path(__file__).parents[2]
BENCHMARKS = ROOT / "docs" / "benchmarks"
PAGES = [BENCHMARKS / "engines.md", ROOT / "README.md", ROOT / "README.zh-CN.md"]
LARGE = [("32x128", "BASE"), ("32x128", "PRUNED25"), ("real", "BASE"), ("real", "PRUNED25"),
         ("1x32", "BASE"), ("1x32", "PRUNED25"), ("1x128", "BASE")]
SMALL = [("32x128", "SMALL"), ("real", "SMALL"), ("1x32", "SMALL"), ("1x128", "SMALL")]
NUMBERS = {1: "One thread", 2: "Two threads"}
# What the front pages show: engine and variant as race.py calls them, and the name there.
FRONT = [
    ("ONNX Runtime", "f32", {}),
    ("ONNX Runtime", "int8, our QDQ",
     {"en": "ONNX Runtime int8, exported by act", "zh": "ONNX Runtime int8（由 act 导出）"}),
    ("OpenVINO", "int8, NNCF", {"en": "OpenVINO int8 (NNCF)", "zh": "OpenVINO int8（NNCF）"}),
    ("CTranslate2", "int8", {}),
    ("rten", "int8, its dynamic", {"en": "rten int8", "zh": "rten int8"}),
    ("act-infer", "f32", {}),
    ("act-infer", "int8", {}),
]
FRONT_SETTINGS = {"32x128": {"en": "32 x 128", "zh": "32 x 128"},
                  "real": {"en": "32 real texts", "zh": "32 条真实文本"},
                  "1x32": {"en": "1 x 32", "zh": "1 x 32"}}
FRONT_RACES = {"race-avx2": "AVX2", "race-vnni": "VNNI"}
FRONT_WORDS = {
    "en": ("""Against others, a 6 x 768 encoder (PP-MiniLM's shape), time relative to ONNX Runtime f32, one thread, one run
(`make bench`) for each kind of processor, both on one Xeon: with AVX-512 and VNNI hidden from every engine (AVX2), and as it
is (VNNI):""", "engine"),
    "zh": ("""和别家相比：6 x 768 的编码器（与 PP-MiniLM 同形状），以 ONNX Runtime f32 的耗时为 1，单线程，每类处理器各运行一次（`make bench`），
都在同一台 Xeon 上：对所有引擎隐藏 AVX-512 和 VNNI（AVX2）；原样（VNNI）：""", "引擎"),
}


def markdown(head, lines):
    """A table whose lines are (cells, whether they are ours)."""
    out = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for cells, ours in lines:
        out.append("| " + " | ".join(f"**{c}**" if ours and c else c for c in cells) + " |")
    return "\n".join(out)


def by_name(run):
    return {(r["engine"], r["variant"], r["model"]): r for r in run["rows"]}


def ratio(row, setting):
    settings = row["settings"] if row else {}
    return f"{settings[setting]['ratio']:.2f}" if setting in settings else ""


def table(run, columns):
    """Ratios, and how far the logits are from the reference's at most; None if none was measured."""
    at = by_name(run)
    columns = [(s, m) for s, m in columns if ratio(at.get(("ONNX Runtime", "f32", m)), s)]
    if not columns:
        return None
    models = list(dict.fromkeys(model for _, model in columns))
    lines = []
    for engine, variant in dict.fromkeys((e, v) for e, v, m in at if m in models):
        there = {m: at.get((engine, variant, m)) for m in models}
        cells = [ratio(there[m], s) for s, m in columns]
        lines.append(([f"{engine} {variant}", *cells, likeness([r for r in there.values() if r])],
                      engine == "act-infer"))
    lines.append((["fastest other / act-infer int8", *(ahead(at, s, m) for s, m in columns), ""], False))
    head = ["engine", *(f"{s} {m}" for s, m in columns), "logits"]
    return markdown(head, lines)


def likeness(rows):
    """The largest difference from the reference's logits, and the least correlation with them."""
    difference = max(row["difference"] for row in rows)
    correlations = [row["correlation"] for row in rows if row["correlation"]]
    least = f", {min(correlations):.3f}" if correlations else ""
    return f"{difference:.0e}{least}" if difference else ""


def ahead(at, setting, model):
    """How many times as fast as the fastest other engine act-infer int8 is."""
    ours = at.get(("act-infer", "int8", model))
    others = [r["settings"][setting]["ms"] for (engine, _, m), r in at.items()
              if engine != "act-infer" and m == model]
    return f"{min(others) / ours['settings'][setting]['ms']:.2f}x" if ours else ""


def milliseconds(run, model):
    reference = by_name(run).get(("ONNX Runtime", "f32", model))
    return ", ".join(f"{s} {f['ms']:,.0f} ms" if f["ms"] >= 100 else f"{s} {f['ms']:.3g} ms"
                     for s, f in reference["settings"].items())


def tables(result):
    """All that one race has found, as a page shows it."""
    cpu = result["processor"]
    hidden = f"; **hidden from all engines: {', '.join(cpu['hidden'])}**" if cpu["hidden"] else ""
    versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    parts = [
        f"At {result['commit']}, {result['date']}, `{result['command']}`: {cpu['name']} (family {cpu['family']} "
        f"model {cpu['model']}), {cpu['cores']} cores, {', '.join(cpu['features'])}{hidden}; {versions}. "
        f"{result['rounds']} rounds; all of it took {result['seconds']} s."
    ]
    for run in result["runs"]:
        for columns, model in [(LARGE, "BASE"), (SMALL, "SMALL")]:
            shown = table(run, columns)
            if shown:
                threads = NUMBERS.get(run["threads"], f"{run['threads']} threads")
                parts += [f"{threads}; 1.00 is ONNX Runtime f32 on {model}: {milliseconds(run, model)}.",
                          shown]
    told = {}
    for row in result["runs"][0]["rows"]:
        if row.get("kernels"):
            told.setdefault(f"{row['engine']} {row['variant']}", row["kernels"])
    parts.append("What the engines tell of their kernels: "
                 + "; ".join(f"{name} `{kernels}`" for name, kernels in told.items()) + ".")
    return "\n\n".join(part if part.startswith("|") else wrapped(part) for part in parts)


def wrapped(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def measured(name):
    """What race.py has found under that name, None if it was not run."""
    file = BENCHMARKS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def front(language):
    """BASE on one thread, on every kind of processor; None unless all were measured."""
    races = [measured(name) for name in FRONT_RACES]
    if None in races:
        return None
    text, word = FRONT_WORDS[language]
    runs = [by_name(race["runs"][0]) for race in races]
    head = [word, *(f"{kind}: {name[language]}" for kind in FRONT_RACES.values()
                    for name in FRONT_SETTINGS.values())]
    lines = []
    for engine, variant, names in FRONT:
        cells = [ratio(run.get((engine, variant, "BASE")), s) for run in runs for s in FRONT_SETTINGS]
        name = names.get(language, f"{engine} {variant}")
        lines.append(([name, *cells], engine == "act-infer"))
    return f"{text}\n\n{markdown(head, lines)}"


def refreshed(match):
    """A block between marks with its table of now."""
    name = match[1]
    race = None if name.startswith("front-") else measured(name)
    shown = front(name[-2:]) if name.startswith("front-") else race and tables(race)
    return f"<!-- {name} -->\n\n{shown}\n\n<!-- end -->" if shown else match[0]


def main():
    for file in sys.argv[1:]:
        shutil.copy(file, BENCHMARKS)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fresh = re.sub(r"<!-- ((?:race|front)[a-z0-9-]*) -->\n.*?<!-- end -->", refreshed, text, flags=re.S)
        page.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
