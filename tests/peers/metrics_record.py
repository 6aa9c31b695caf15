"""Records what scikit-learn makes of the answers in act-core/src/metrics/recorded.rs: accuracy, F1 of
class 1 (of two), macro-F1, MCC, and of class 0 recall, precision, F1. The answers are drawn by whole
numbers, so that no file is needed.

    python tests/peers/metrics_record.py     # scikit-learn 1.9.1
"""

import warnings

from sklearn import metrics

warnings.filterwarnings("ignore")


def draws(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 15


def answers(seed, n, classes, kept, floor):
    """`n` rows of truth and answer: small classes are common, `kept` of 100 answers are right, others
    are any class from `floor` on."""
    draw = draws(seed)
    truth, predicted = [], []
    for _ in range(n):
        u = next(draw)
        truth.append(((u * u) >> 16) * classes >> 16)
        right = next(draw) % 100 < kept
        other = floor + (next(draw) * (classes - floor) >> 16)
        predicted.append(truth[-1] if right else other)
    return truth, predicted


CASES = [
    (1, 200, 2, 80, 0),
    (2, 200, 2, 0, 1),
    (3, 50, 2, 100, 0),
    (4, 300, 3, 70, 0),
    (5, 300, 3, 40, 2),
    (6, 40, 30, 60, 0),
    (7, 1000, 119, 55, 0),
    (8, 1000, 119, 10, 118),
    (9, 1, 2, 100, 0),
    (10, 5, 4, 0, 3),
    (11, 100, 1, 100, 0),
    (12, 2000, 15, 90, 7),
]

for case in CASES:
    truth, predicted = answers(*case)
    f1 = "None"
    if case[2] == 2:
        f1 = f"Some({metrics.f1_score(truth, predicted, pos_label=1, labels=[0, 1], zero_division=0):.15})"
    values = [
        metrics.accuracy_score(truth, predicted),
        metrics.f1_score(truth, predicted, average="macro", zero_division=0),
        metrics.matthews_corrcoef(truth, predicted),
        *(
            of(truth, predicted, labels=[0], average=None, zero_division=0)[0]
            for of in (metrics.recall_score, metrics.precision_score, metrics.f1_score)
        ),
    ]
    print(f"({case}, {f1}, [{', '.join(f'{float(v):.15}' for v in values)}]),")
