"""Writes tests/fixtures/corrections.json: SmoothQuant's factors and bias corrections of random
layers, computed with NumPy in double precision from the papers' equations (Xiao et al. 2023,
equation 4; Nagel et al. 2019, section 4.2). Needs NumPy only:
python3 act-quant/tests/corrections.py
"""

import json
import pathlib

import numpy as np

random = np.random.default_rng(20)
cases = []
for rows, columns in [(3, 5), (8, 16), (1, 7)]:
    x = (random.normal(size=(40, columns)) * random.lognormal(0, 2, columns)).astype(np.float32)
    w = random.normal(0, 0.05, size=(rows, columns)).astype(np.float32)
    x[:, 2] = 0  # a dead channel
    w[:, 3] = 0  # a channel that nobody reads
    step = np.abs(w.astype(float)).max(axis=1, keepdims=True) / 15
    rounded = (np.round(w / step) * step).astype(np.float32)
    mean = x.astype(float).mean(axis=0).astype(np.float32)
    peak_x, peak_w = np.abs(x).max(axis=0).astype(float), np.abs(w).max(axis=0).astype(float)
    factors = {}
    for alpha in [0.0, 0.25, 0.5, 0.75, 1.0]:
        with np.errstate(divide="ignore", invalid="ignore"):
            s = peak_x**alpha / peak_w ** (1 - alpha)
        factors[str(alpha)] = np.where((peak_x > 0) & (peak_w > 0), s, 1.0).tolist()
    cases.append(
        {
            "columns": columns,
            "peaks": peak_x.tolist(),
            "weights": w.ravel().tolist(),
            "rounded": rounded.ravel().tolist(),
            "mean": mean.tolist(),
            "factors": factors,
            "correction": ((w.astype(float) - rounded) @ mean.astype(float)).tolist(),
        }
    )
path = pathlib.Path(__file__).parent / "fixtures" / "corrections.json"
path.write_text(json.dumps(cases) + "\n")
