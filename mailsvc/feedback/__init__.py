"""What comes back: replies and reports read, reports taken in, what they mean for a message and an address."""
