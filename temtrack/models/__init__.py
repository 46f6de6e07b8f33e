"""Which models there are, how their networks are built, and where their weights lie."""
