"""The only receiver package that knows SQL: one module per noun, frozen dataclasses out."""
