"""Processes that examine the entries of batches, so that signatures and statements do not keep the others waiting."""

from receiver.examining.examiners import Examiners

__all__ = ["Examiners"]
