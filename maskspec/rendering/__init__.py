"""Catalogue and records in words: pages, summaries, comparisons, data."""
