"""What was observed: the record of each cell, and whether it still speaks for the tests."""
