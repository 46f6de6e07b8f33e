"""One module for each generated page of the documentation; each gives its text in Markdown."""
