"""Helpers of the tests: batches, questions that many of them ask, and layers to ask about."""
