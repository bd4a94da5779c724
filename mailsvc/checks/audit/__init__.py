"""A whole customer list checked: CSV in, CSV and a summary page out (CONTRACT 1, ``mailsvc audit``)."""
