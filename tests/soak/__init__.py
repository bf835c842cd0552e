"""A long run with a thousand members: not part of the tests; `make soak` runs it."""
