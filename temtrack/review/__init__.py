"""Looking at a run, correcting it, and what the corrections say of it."""
