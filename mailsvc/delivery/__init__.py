"""Delivery: from a claimed message to the recipient's server and back with what happened."""
