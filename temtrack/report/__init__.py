"""Pictures and overlay movies, built from tables and movies, never from models."""
