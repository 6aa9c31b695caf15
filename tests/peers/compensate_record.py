"""Records what a plain NumPy GPTQ (Frantar et al. 2023, algorithm 1) makes of random layers, for
act-quant/tests/compensate.rs. Weights and inputs are drawn by whole numbers, so that the fixture holds
results only.

    python tests/peers/compensate_record.py > act-quant/tests/fixtures/compensate.json     # NumPy 2.4
"""

import json

import numpy as np

DAMPING, BLOCK = 0.01, 128
# Seed, outputs, inputs, tokens, largest integer.
CASES = [(1, 6, 24, 100, 7), (2, 5, 160, 90, 7), (3, 4, 300, 700, 127), (4, 3, 8, 3, 1)]


def draws(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield (state >> 15) / 2**16 - 0.5


def layer(seed, outputs, inputs, tokens):
    """Weights, and inputs that hang together: a few factors each."""
    draw = draws(seed)
    weights = np.array([[next(draw) for _ in range(inputs)] for _ in range(outputs)])
    few = 1 + inputs // 4
    rows = []
    for _ in range(tokens):
        factors = [next(draw) for _ in range(few)]
        rows.append([factors[i % few] + next(draw) / 4 for i in range(inputs)])
    return weights, np.array(rows)


def gptq(weights, moments, steps, largest):
    """Integers; the loss is of the damped moments."""
    h = moments + DAMPING * np.mean(np.diag(moments)) * np.eye(len(moments))
    upper = np.linalg.cholesky(np.linalg.inv(h)).T
    w, q = weights.copy(), np.zeros_like(weights)
    for first in range(0, len(h), BLOCK):
        end = min(first + BLOCK, len(h))
        errors = np.zeros((len(w), end - first))
        for i in range(first, end):
            q[:, i] = np.clip(np.round(w[:, i] / steps), -largest, largest)
            errors[:, i - first] = (w[:, i] - q[:, i] * steps) / upper[i, i]
            w[:, i:end] -= np.outer(errors[:, i - first], upper[i, i:end])
        w[:, end:] -= errors @ upper[first:end, end:]
    off = weights - q * steps[:, None]
    return q.astype(int), np.einsum("ri,ij,rj->r", off, h, off)


def main():
    cases = []
    for seed, outputs, inputs, tokens, largest in CASES:
        weights, x = layer(seed, outputs, inputs, tokens)
        # As act-quant has them: the largest weight takes the largest integer, in single precision.
        steps = np.abs(weights).max(1).astype(np.float32) / np.float32(largest)
        integers, losses = gptq(weights, x.T @ x / tokens, steps.astype(float), largest)
        nearest = np.clip(np.round(weights / steps[:, None]), -largest, largest)
        cases.append({
            "seed": seed, "outputs": outputs, "inputs": inputs, "tokens": tokens, "largest": largest,
            "unlike_nearest": int((nearest != integers).sum()),
            "integers": integers.ravel().tolist(), "losses": losses.tolist()})
    lines = ",\n".join(" " + json.dumps(case) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
