"""`/api/v1`: what collectors send, and what is asked about it."""
