"""Decisions of the receiver as pure functions: values and `now` in, a verdict out."""
