"""What operators see: log lines and metrics, both without codes and whole addresses."""
