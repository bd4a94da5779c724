"""Can this address receive, and is our own domain fit to send? What texts, lists and DNS say."""
