"""What a change may break: changed paths of checkouts become suites and specs, each with the reason why it was picked."""
