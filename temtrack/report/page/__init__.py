"""A run on one page of HTML: its data, made here, and the template that shows them."""
