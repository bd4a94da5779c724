"""The HTTP surface: messages, events, keys, health, and the page that describes them (CONTRACT 3)."""
