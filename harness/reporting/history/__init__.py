"""Every run of a reports folder at once, by an index that is only a copy: it may be deleted at any time."""
