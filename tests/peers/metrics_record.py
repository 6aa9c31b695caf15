"""Records what scikit-learn and SciPy make of the answers in act-core/src/metrics/recorded.rs: accuracy, F1
of class 1 (of two), macro-F1, MCC, and of class 0 recall, precision, F1; of sets of labels macro-F1,
micro-F1, subset accuracy, LRAP; of scores Pearson's and Spearman's correlations, and Pearson's interval. The
answers are drawn by whole numbers, so that no file is needed.

    python tests/peers/metrics_record.py     # scikit-learn, scipy
"""

import warnings

import numpy
import scipy
import sklearn
from scipy import stats
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

print("\n// Seed, texts, labels, share of right answers in per cent; macro-F1, micro-F1, subset accuracy, LRAP.")
for case in [(1, 200, 3, 80), (2, 500, 28, 60), (3, 300, 5, 0), (4, 40, 2, 100), (5, 1, 4, 50), (6, 1000, 60, 90)]:
    seed, n, labels, kept = case
    draw = draws(seed)
    truth, scores = numpy.zeros((n, labels), int), numpy.zeros((n, labels))
    for i in range(n):
        for label in range(labels):
            # Of later labels ever fewer texts; scores in thousandths, many of them equal.
            truth[i, label] = next(draw) % (2 + label) == 0
            right = next(draw) % 100 < kept
            said = truth[i, label] if right else next(draw) % 2
            scores[i, label] = (500 * said + next(draw) % 500) / 1000
    predicted = (scores >= 0.5).astype(int)
    values = [
        metrics.f1_score(truth, predicted, average="macro", zero_division=0),
        metrics.f1_score(truth, predicted, average="micro", zero_division=0),
        metrics.accuracy_score(truth, predicted),
        metrics.label_ranking_average_precision_score(truth, scores),
    ]
    print(f"({case}, [{', '.join(f'{float(v):.15}' for v in values)}]),")

print("\n// Seed, texts, noise, steps of a score; Pearson, its interval, Spearman.")
for case in [(1, 200, 50, 6), (2, 1500, 10, 26), (3, 30, 200, 6), (4, 4, 0, 3), (5, 700, 500, 501)]:
    seed, n, noise, steps = case
    draw = draws(seed)
    truth, predicted = [], []
    for _ in range(n):
        truth.append(next(draw) % steps / (steps - 1) * 5)
        predicted.append(truth[-1] + (next(draw) % 1000 - 500) / 500 * noise / 100)
    pearson = stats.pearsonr(predicted, truth)
    low, high = pearson.confidence_interval()
    values = [pearson.statistic, low, high, stats.spearmanr(predicted, truth).statistic]
    print(f"({case}, [{', '.join(f'{float(v):.15}' for v in values)}]),")
print(f"// scikit-learn {sklearn.__version__}, scipy {scipy.__version__}")
