"""One file an assertion: `ASSERTION`, and `cases`, which yields what it compares in this study."""
