"""From a movie to tracks: Algorithm 1 of Duan et al. 2024 and its propagators."""
