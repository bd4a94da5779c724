"""How soon a site that lets codes vanish is found, and how often one is accused that does not."""
