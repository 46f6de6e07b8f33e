"""The stages from files to files: what commands, Python functions, demo and workflow rules call."""
