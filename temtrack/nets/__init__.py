"""Networks, torch only: one file for each."""
