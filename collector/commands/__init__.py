"""What an operator types: one module a group of commands, each a thin shell around the wiring."""
