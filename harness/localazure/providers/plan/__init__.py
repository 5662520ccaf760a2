"""From the store to plans of the fabric: pure functions, so that a restart is nothing but computing them again."""
