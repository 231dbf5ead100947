"""Weights as an OpenVINO graph holds them: as trained, or as whole numbers of 8 or 4 bits with scales."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

Precision = Literal["f32", "int8", "int4"]
INT4_GROUP = 32  # weights that share a scale


def matrix(weight_RC: NDArray[np.float32], precision: Precision) -> Any:
    """A node of shape (R, C), float32 to whoever reads it."""
    if precision == "f32":
        return ops.constant(weight_RC)
    if precision == "int4" and weight_RC.shape[1] % INT4_GROUP == 0:
        return _int4(weight_RC)
    return _int8(weight_RC)


def _int8(weight_RC: NDArray[np.float32]) -> Any:
    """w ≈ scale_r · q, q of −127 … 127. Without a zero of its own a row is a little coarser, but what multiplies it
    needs no correction: 16 tokens at once and prompts of 104 took 0.54 and 0.74 times as long (Sapphire Rapids)."""
    most = np.abs(weight_RC).max(axis=1, keepdims=True)
    scale = np.where(most > 0, most / 127, 1).astype(np.float32)
    whole = np.clip(np.rint(weight_RC / scale), -127, 127).astype(np.int8)
    scaled = ops.multiply(ops.convert(ops.constant(whole), "f16"), ops.constant(scale.astype(np.float16)))
    return ops.convert(scaled, "f32")


def _int4(weight_RC: NDArray[np.float32]) -> Any:
    """As `_int8`, q of 0 … 15, for every INT4_GROUP weights of a row."""
    rows, columns = weight_RC.shape
    grouped = weight_RC.reshape(rows, columns // INT4_GROUP, INT4_GROUP)
    low = np.minimum(grouped.min(axis=2, keepdims=True), 0)
    high = np.maximum(grouped.max(axis=2, keepdims=True), 0)
    scale = np.where(high > low, (high - low) / 15, 1).astype(np.float32)
    zero = np.clip(np.rint(-low / scale), 0, 15)
    whole = np.clip(np.rint(grouped / scale) + zero, 0, 15).astype(np.uint8)
    value = _decompressed(
        ops.constant(whole, ov.Type.u4), ops.constant(zero.astype(np.uint8), ov.Type.u4), scale
    )
    return ops.reshape(value, ops.constant(np.array([rows, columns])), False)


def _decompressed(whole: Any, zero: Any, scale: NDArray[np.float32]) -> Any:
    """(convert(q) − convert(zero)) · scale: the pattern that OpenVINO multiplies without unpacking it first."""
    shifted = ops.subtract(ops.convert(whole, "f16"), ops.convert(zero, "f16"))
    scaled = ops.multiply(shifted, ops.constant(scale.astype(np.float16)))
    return ops.convert(scaled, "f32")
