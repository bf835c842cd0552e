"""Engines behind an address: what they have in common, whatever protocol they speak."""
