"""Makers of pictures behind one protocol."""
