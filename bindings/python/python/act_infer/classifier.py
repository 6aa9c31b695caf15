"""A loaded model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeGuard, cast, overload

import numpy as np
from numpy.typing import NDArray

from ._native import Model
from .answers import Answer, Answers, Problem
from .errors import TruncationWarning, UsageError
from .ids import flat

__all__ = ["Classifier", "Truncation"]

Truncation = Literal["warn", "silent", "error"]
"""What becomes of a text that is longer than the model takes: cut with a `TruncationWarning`, cut (the answer
says it all the same), or refused."""

Pair = tuple[str, str]


class Classifier:
    """A model from an `.act` file, which holds weights, tokenizer and labels.

    `threads`: on how many threads a call is computed; 1 is the caller's own, 0 every core that the process may
    use. Answers do not depend on it. Any number of Python threads may share a classifier, and run at the
    same time: the interpreter's lock is released while it computes.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, threads: int = 1, truncation: Truncation = "warn"
    ) -> None:
        self._set(Model.open(path, _threads(threads)), truncation)

    @classmethod
    def from_bytes(
        cls, data: bytes, *, threads: int = 1, truncation: Truncation = "warn"
    ) -> Classifier:
        """A model from the bytes of such a file."""
        classifier = cls.__new__(cls)
        classifier._set(Model.from_bytes(data, _threads(threads)), truncation)
        return classifier

    def _set(self, model: Model, truncation: Truncation) -> None:
        if truncation not in ("warn", "silent", "error"):
            raise UsageError(f"truncation={truncation!r}: one of 'warn', 'silent', 'error'")
        if model.head_trained is False:
            warnings.warn(
                "the model's head was never trained (act-distill): its answers are chance",
                UserWarning,
                stacklevel=3,
            )
        self._model = model
        self._truncation = truncation
        self._labels = tuple(model.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels; their order is that of the columns of an answer."""
        return self._labels

    @property
    def task(self) -> str:
        """Name of the task."""
        return self._model.task

    @property
    def problem(self) -> Problem:
        """What the answers are: `"single-label"`, `"multi-label"` or `"regression"`."""
        return cast(Problem, self._model.problem)

    @property
    def max_tokens(self) -> int:
        """Tokens at which a text or pair is cut, special tokens counted."""
        return self._model.max_tokens

    @property
    def takes_pairs(self) -> bool | None:
        """Whether the model takes two texts at a time; `None` where nobody has recorded it."""
        return self._model.takes_pairs

    @property
    def threads(self) -> int:
        """On how many threads a call is computed."""
        return self._model.threads

    @property
    def precision(self) -> str:
        """`f32`, `int8` and so on."""
        return self._model.precision

    @property
    def kernels(self) -> str:
        """The kernels that compute on this processor."""
        return self._model.kernels

    @property
    def synthetic(self) -> bool:
        """Whether the model has seen the bundled synthetic sample corpus: then its answers mean little."""
        return self._model.synthetic

    def __repr__(self) -> str:
        return (
            f"Classifier(task={self.task!r}, labels={len(self.labels)}, precision={self.precision!r}, "
            f"threads={self.threads})"
        )

    # A text is a sequence of texts too, its characters, and a pair is one of two; both come first.
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, texts: str | Pair, pairs: None = None
    ) -> Answer: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, texts: str, pairs: str
    ) -> Answer: ...
    @overload
    def __call__(
        self, texts: Iterable[str] | Iterable[Pair], pairs: Iterable[str] | None = None
    ) -> Answers: ...
    def __call__(
        self,
        texts: str | Pair | Iterable[str] | Iterable[Pair],
        pairs: str | Iterable[str] | None = None,
    ) -> Answer | Answers:
        """Classifies a text, a pair (a tuple of two texts), or a list of either; `pairs` may also be
        given beside `texts`. One gives an `Answer`, a list gives `Answers`."""
        return self.classify(texts, pairs, truncation=self._truncation)

    def classify(
        self,
        texts: str | Pair | Iterable[str] | Iterable[Pair],
        pairs: str | Iterable[str] | None = None,
        *,
        truncation: Truncation,
    ) -> Answer | Answers:
        """As a call, with what is to become of texts that are too long."""
        firsts, seconds, single = _questions(texts, pairs)
        if truncation == "error":
            self._refuse_long(firsts, seconds)
        answers = self._answers(self._model.classify(firsts, seconds))
        if truncation == "warn" and answers.truncated.any():
            cut, longest = int(answers.truncated.sum()), int(answers.tokens.max())
            warnings.warn(
                f"{cut} of {len(answers)} texts have more than {self.max_tokens} tokens and were cut; the "
                f"longest has {longest} (truncation='silent' says nothing, 'error' refuses)",
                TruncationWarning,
                stacklevel=3,
            )
        return answers[0] if single else answers

    def classify_ids(
        self,
        input_ids: Sequence[Sequence[int]] | Sequence[NDArray[Any]] | NDArray[Any],
        token_type_ids: Sequence[Sequence[int]] | Sequence[NDArray[Any]] | NDArray[Any] | None = None,
        attention_mask: Sequence[Sequence[int]] | Sequence[NDArray[Any]] | NDArray[Any] | None = None,
    ) -> Answers:
        """Classifies token ids, for those with a tokenizer of their own: rows of any lengths, special tokens
        included. What `attention_mask` marks as padding at the end of a row is taken off."""
        ids, types, lengths = flat(input_ids, token_type_ids, attention_mask)
        return self._answers(self._model.classify_ids(ids, types, lengths))

    def encode(
        self, texts: Iterable[str] | Iterable[Pair], pairs: Iterable[str] | None = None
    ) -> list[tuple[list[int], list[int]]]:
        """Token ids and segment ids of texts or pairs, cut as for a call."""
        firsts, seconds, _ = _questions(texts, pairs)
        return [(ids, types) for ids, types, _ in self._model.encode(firsts, seconds)]

    def _refuse_long(self, firsts: list[str], seconds: list[str] | None) -> None:
        for i, (_, _, tokens) in enumerate(self._model.encode(firsts, seconds)):
            if tokens > self.max_tokens:
                raise UsageError(
                    f"text {i} has {tokens} tokens, and the model takes {self.max_tokens}"
                )

    def _answers(
        self,
        answers: tuple[
            NDArray[np.uintp],
            NDArray[np.bool_],
            NDArray[np.float32],
            NDArray[np.float32],
            NDArray[np.uintp],
        ],
    ) -> Answers:
        classes, given, probabilities, logits, tokens = answers
        return Answers(
            names=self._labels,
            problem=self.problem,
            class_indices=classes.astype(np.intp),
            given=given,
            probabilities=probabilities,
            logits=logits,
            tokens=tokens.astype(np.intp),
            truncated=tokens > self.max_tokens,
        )


def _threads(threads: int) -> int:
    if threads < 0:
        raise UsageError(f"threads={threads}: 0 for every core, or how many")
    return threads


def _questions(
    texts: str | Pair | Iterable[str] | Iterable[Pair], pairs: str | Iterable[str] | None
) -> tuple[list[str], list[str] | None, bool]:
    """Texts, the second texts if they are pairs, and whether it is one question and not a list."""
    if isinstance(texts, str):
        if pairs is not None and not isinstance(pairs, str):
            raise UsageError("one text and a list of pairs")
        return [texts], None if pairs is None else [pairs], True
    if isinstance(pairs, str):
        raise UsageError("a list of texts and one pair")
    if isinstance(texts, tuple) and pairs is None and _is_pair(texts):
        return [texts[0]], [texts[1]], True
    given: list[Any] = list(texts)
    if pairs is None and given and not isinstance(given[0], str):
        for i, pair in enumerate(given):
            if not _is_pair(pair):
                raise _not_a(i, pair, "a pair of texts")
        return [pair[0] for pair in given], [pair[1] for pair in given], False
    seconds = None if pairs is None else list(pairs)
    for column in (given, seconds or []):
        for i, text in enumerate(column):
            if not isinstance(text, str):
                raise _not_a(i, text, "a text")
    return given, seconds, False


def _is_pair(pair: object) -> TypeGuard[tuple[str, str]]:
    return (
        isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(x, str) for x in pair)
    )


def _not_a(place: int, found: object, wanted: str) -> TypeError:
    return TypeError(f"text {place} is {type(found).__name__}, not {wanted}")
