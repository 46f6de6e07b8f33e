"""The only file input and output: readers of movies, export to other programs, the store of results."""
