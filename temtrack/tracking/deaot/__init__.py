"""The DeAOT tracker: a network carries ids as colours, locality turns colours back into ids."""
