"""The commands: each parses what was typed, calls one service, and gives one reply."""
