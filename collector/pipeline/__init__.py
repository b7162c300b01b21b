"""The `carnet` command: what pipelines, operators and auditors type."""
