"""What `carnet-receiver` does for its operator: one module a command, each joins the layers below."""
