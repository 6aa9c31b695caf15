"""Writes tests/fixtures/calibrators.json: thresholds that NumPy finds for random values.

The Rust tests compare act-quant's calibrators with them. Needs NumPy only; run it again after
changing a definition:  python3 act-quant/tests/calibrators.py
Written from the definitions in PaddlePaddle's documentation and code, with the deviations that
act-quant/src/calibrate documents; it shares no code with the crate.
"""

import json
import pathlib

import numpy as np

BINS = 2048


def quantise(x, threshold, levels):
    step = threshold / levels
    return np.clip(np.round(x / step), -levels, levels) * step


def search(x, weights, levels, loss):
    peak = np.abs(x).max() if weights is None else x[1]
    values = x if weights is None else x[0]
    best, chosen = np.inf, None
    for percent in range(30, 101, 2):
        threshold = peak * percent / 100
        error = loss(values, quantise(values, threshold, levels), weights)
        if error <= best:
            best, chosen = error, threshold
    return chosen


def mse_loss(x, y, weights):
    return np.average((x - y) ** 2, weights=weights)


def emd_loss(x, y, weights):
    def moments(v):
        mean = np.average(v, weights=weights)
        return mean, np.sqrt(np.average((v - mean) ** 2, weights=weights))

    (mx, sx), (my, sy) = moments(x), moments(y)
    return abs(mx - my) + abs(sx - sy)


def hist(counts, width, percent):
    share = np.cumsum(counts) / counts.sum()
    return (int(np.argmax(share >= percent)) + 0.5) * width


def kl(counts, width, levels):
    start = (BINS - 1) // 2
    best, chosen = None, None
    for i in range(start, BINS):
        if counts[i - 1] == 0:
            continue
        p = counts[:i].astype(np.float64)
        p[-1] += counts[i:].sum()
        raw = counts[:i].astype(np.float64)
        edges = [g * (i // levels) for g in range(levels)] + [i]
        q = np.zeros(i)
        for a, b in zip(edges[:-1], edges[1:]):
            filled = raw[a:b] > 0
            if filled.any():
                q[a:b][filled] = raw[a:b].sum() / filled.sum()
        p /= p.sum()
        q /= q.sum()
        filled = p > 0
        divergence = float(np.sum(p[filled] * np.log(p[filled] / q[filled])))
        if best is None or divergence < best:
            best, chosen = divergence, i
    if chosen is None:
        filled = [i for i in range(1, start + 1) if counts[i] > 0]
        chosen = max(filled, default=BINS - 1)
    return (int(chosen) + 0.5) * width


def case(name, values):
    x = values.astype(np.float32).astype(np.float64)
    peak = np.abs(x).max()
    width = peak / BINS
    negative, _ = np.histogram(-x[x < 0], bins=BINS, range=(0, peak))
    positive, _ = np.histogram(x[x >= 0], bins=BINS, range=(0, peak))
    counts = negative + positive
    centres = (np.arange(BINS) + 0.5) * width
    binned = (np.concatenate([centres, -centres]), peak)
    weights = np.concatenate([positive, negative])
    thresholds = {}
    for levels in (127, 63):
        thresholds[str(levels)] = {
            "abs_max": peak,
            "min_max": max(x.max(), -x.min()),
            "mse": search(binned, weights, levels, mse_loss),
            "mse_of_values": search(x, None, levels, mse_loss),
            "emd": search(binned, weights, levels, emd_loss),
            "KL": kl(counts, width, levels),
            "hist 0.98": hist(counts, width, 0.98),
            "hist 0.9999": hist(counts, width, 0.9999),
            "hist 1": hist(counts, width, 1.0),
        }
    return {
        "name": name,
        "min": float(x.min()),
        "max": float(x.max()),
        "positive": positive.tolist(),
        "negative": negative.tolist(),
        "thresholds": thresholds,
    }


def random_values(rng):
    """Values of no distribution in particular: some clusters, of some widths, on either side of
    zero, with gaps between them, many zeros or few distinct numbers."""
    parts = []
    for _ in range(rng.integers(1, 5)):
        centre, spread = rng.normal(0, 2), 10 ** rng.uniform(-3, 0.5)
        parts.append(rng.normal(centre, spread, rng.integers(1, 1500)))
    values = np.concatenate(parts)
    if rng.random() < 0.3:
        values[rng.random(values.size) < rng.random()] = 0.0
    if rng.random() < 0.3:
        values = np.round(values * rng.integers(1, 4))
    if rng.random() < 0.3:
        values = np.maximum(values, rng.normal(-1, 1))
    return values * 10 ** rng.uniform(-4, 4)


def main():
    rng = np.random.default_rng(20240601)
    normal = rng.normal(0.3, 1.0, 20000)
    gelu = normal * 0.5 * (1 + np.tanh(0.79788456 * (normal + 0.044715 * normal**3)))
    relu = np.maximum(rng.normal(-0.5, 1.0, 12000), 0)
    laplace = rng.laplace(0, 0.2, 8000) * np.where(rng.random(8000) < 0.005, 8, 1)
    far = np.append(rng.uniform(-0.45, 0.4, 3000), 1.0)
    cases = [
        case("normal", normal),
        case("gelu", gelu),
        case("relu", relu),
        case("laplace with outliers", laplace),
        case("one value far out", far),
    ]
    # Of few or strange values, the middles of bins tell less about the values themselves.
    strange = [(f"random {i}", random_values(np.random.default_rng(i))) for i in range(12)]
    strange.append(("constant", np.full(100, -2.5)))
    strange.append(("nothing or all", np.tile([0.0, 0.0, 0.0, 1.0], 50)))
    for name, values in strange:
        other = case(name, values)
        for thresholds in other["thresholds"].values():
            del thresholds["mse_of_values"]
        cases.append(other)
    path = pathlib.Path(__file__).parent / "fixtures" / "calibrators.json"
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    path.write_text("[\n" + lines + "\n]\n")


if __name__ == "__main__":
    main()
