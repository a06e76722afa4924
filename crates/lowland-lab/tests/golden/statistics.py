"""Paired t tests, intervals and calibration errors by SciPy and NumPy.

    python statistics.py --golden > statistics.json   writes the cases and answers that are committed
    python statistics.py < cases.json > answers.json  answers other cases

A case of `pairs` is two lists, of `holm` a list of p, of `calibration` logits [N, classes] and labels [N].
"""

import json
import sys

import numpy as np
from scipy import stats


def paired(a, b):
    """Mean, standard deviation, 95 % interval and two-sided p of a - b."""
    test = stats.ttest_rel(a, b)
    d = np.subtract(a, b)
    low, high = stats.t.interval(0.95, len(d) - 1, loc=d.mean(), scale=stats.sem(d))
    assert np.allclose(test.confidence_interval(0.95), (low, high), rtol=1e-9)
    return {"mean": d.mean(), "sd": d.std(ddof=1), "low": low, "high": high, "p": test.pvalue}


def holm(p):
    """Corrected p by its definition: the largest (m + 1 - i) p_(i) of those up to one's own."""
    p = np.asarray(p)
    ranks = np.argsort(np.argsort(p, kind="stable"), kind="stable")
    steps = np.minimum(1.0, (len(p) - ranks) * p)
    return [float(steps[ranks <= rank].max()) for rank in ranks]


def calibration(logits, labels, bins=15):
    """Expected calibration error of Guo et al. 2017, and the images in each bin."""
    logits = np.asarray(logits, dtype=np.float32).astype(np.float64)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = e / e.sum(axis=1, keepdims=True)
    confidence, right = softmax.max(axis=1), softmax.argmax(axis=1) == np.asarray(labels)
    edges = np.linspace(0, 1, bins + 1)
    error, counts = 0.0, []
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        counts.append(int(inside.sum()))
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return {"error": error, "counts": counts}


def answers(cases):
    return {
        "pairs": [paired(*case) for case in cases["pairs"]],
        "holm": [holm(case) for case in cases["holm"]],
        "calibration": [calibration(*case) for case in cases["calibration"]],
    }


def golden_cases():
    rng = np.random.default_rng(1)
    pairs = []
    for n, effect, spread in [(2, 0.01, 0.01), (3, 0.01, 0.003), (3, 0.05, 0.0001), (5, 0.0, 0.02),
                              (10, -0.01, 0.01), (30, 1e-4, 1e-2), (4, 1e6, 10.0), (3, 1e-9, 1e-9)]:
        b = rng.normal(0.9, spread, n)
        pairs.append([(b + rng.normal(effect, spread, n)).tolist(), b.tolist()])
    p = [rng.uniform(0, 1, m) ** 3 for m in [1, 2, 5, 12]] + [[0.01, 0.01, 0.04, 0.03], [0.0, 1.0]]
    images = []
    for n, classes, scale in [(200, 5, 2.0), (60, 3, 0.5), (40, 10, 6.0)]:
        logits = np.round(rng.normal(0, scale, (n, classes)), 3)
        images.append([logits.tolist(), rng.integers(0, classes, n).tolist()])
    return {"pairs": pairs, "holm": [list(map(float, case)) for case in p], "calibration": images}


if __name__ == "__main__":
    if sys.argv[1:] == ["--golden"]:
        cases = golden_cases()
        json.dump({"cases": cases, "answers": answers(cases)}, sys.stdout)
        print()
    else:
        json.dump(answers(json.load(sys.stdin)), sys.stdout)
