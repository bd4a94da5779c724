"""Can this address receive? First form: what an address must look like to be mailed at all."""
