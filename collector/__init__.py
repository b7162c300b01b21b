"""The collector: turns finished CI outputs into signed attestations, keeps them safe and ships them."""
