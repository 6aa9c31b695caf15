"""Compressed text classifiers (`.act` files) on CPUs.

    import act_infer
    classify = act_infer.Classifier("int8.act")
    classify(["花呗怎么还款"]).labels
"""

from ._native import __version__
from .answers import Answer, Answers, Problem
from .classifier import Classifier
from .errors import ActError, FailedError, RejectedError, TruncationWarning, UsageError
from .pipelines import TextClassificationPipeline, pipeline

__all__ = [
    "ActError",
    "Answer",
    "Answers",
    "Classifier",
    "FailedError",
    "Problem",
    "RejectedError",
    "TextClassificationPipeline",
    "TruncationWarning",
    "UsageError",
    "__version__",
    "pipeline",
]
