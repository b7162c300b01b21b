"""Processes that judge past decisions again, so that a simulation uses all of a machine."""

from receiver.retrying.retriers import Retriers

__all__ = ["Retriers"]
