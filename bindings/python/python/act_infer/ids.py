"""Token ids of many rows, one row after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError

__all__ = ["flat"]


def flat(
    input_ids: Iterable[Any], token_type_ids: Iterable[Any] | None, attention_mask: Iterable[Any] | None
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], list[int]]:
    """Ids and segment ids without padding, and the lengths of the rows."""
    rows = _rows(input_ids, "input_ids")
    lengths = [len(row) for row in rows]
    types = [np.zeros(n, np.uint32) for n in lengths]
    if token_type_ids is not None:
        types = _rows(token_type_ids, "token_type_ids")
        _same_lengths(types, lengths, "token_type_ids")
    if attention_mask is not None:
        masks = _rows(attention_mask, "attention_mask")
        _same_lengths(masks, lengths, "attention_mask")
        lengths = [_kept(i, mask) for i, mask in enumerate(masks)]
        rows = [row[:n] for row, n in zip(rows, lengths, strict=True)]
        types = [row[:n] for row, n in zip(types, lengths, strict=True)]
    empty = [np.zeros(0, np.uint32)]
    return np.concatenate(rows or empty), np.concatenate(types or empty), lengths


def _rows(values: Iterable[Any], what: str) -> list[NDArray[np.uint32]]:
    return [_row(row, f"{what}[{i}]") for i, row in enumerate(values)]


def _row(values: Any, what: str) -> NDArray[np.uint32]:
    row = np.asarray(values)
    if row.ndim != 1:
        raise UsageError(f"{what} has {row.ndim} dimensions, not 1")
    if row.size == 0:
        return np.zeros(0, np.uint32)
    if row.dtype.kind not in "iub":
        raise UsageError(f"{what} has numbers of type {row.dtype}, not integers")
    if row.min() < 0 or row.max() > np.iinfo(np.uint32).max:
        raise UsageError(f"{what} has a number outside 0 .. {np.iinfo(np.uint32).max}")
    return row.astype(np.uint32)


def _same_lengths(rows: list[NDArray[np.uint32]], lengths: list[int], what: str) -> None:
    if [len(row) for row in rows] != lengths:
        raise UsageError(f"{what} has other rows than input_ids")


def _kept(place: int, mask: NDArray[np.uint32]) -> int:
    """Length of a row without its padding, which is at the end: elsewhere it would move positions."""
    kept = int(np.count_nonzero(mask))
    if not np.all(mask[:kept]):
        raise UsageError(f"attention_mask[{place}] has zeros before ones: pad at the end")
    return kept
