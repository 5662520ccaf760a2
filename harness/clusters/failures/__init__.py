"""Evidence about one failed test, read from its cluster and cloud while both still know; :mod:`.collect` has the whole way."""
