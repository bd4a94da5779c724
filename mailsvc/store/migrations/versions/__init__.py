"""One file per step; a released one never changes."""
