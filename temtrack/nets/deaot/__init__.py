"""DeAOT, which carries ids through a movie: encoder, gated propagation with memory, decoder."""
