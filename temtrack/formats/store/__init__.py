"""What temtrack writes and reads back: masks, tables, lineage, provenance, state; each file whole or not."""
