"""The receiver: verifies every signature, keeps the exact signed bytes and answers for what it has."""
