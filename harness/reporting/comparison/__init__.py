"""Two runs side by side: what is new, fixed, still failing, flaky, gone or slower, and which commits lie between."""
