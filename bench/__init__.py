"""Measurements of mailsvc beside its peers; each folder is one, with its command and its committed report."""
