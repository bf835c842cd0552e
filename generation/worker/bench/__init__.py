"""The part of the benchmark that needs torch, as a program of its own that the parent starts."""
