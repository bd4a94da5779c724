"""Webhooks: the event log, pushed to the endpoints the operator configured (CONTRACT 3.6)."""
