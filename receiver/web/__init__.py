"""The HTTP rim of the receiver: strict requests in, one problem shape out."""
