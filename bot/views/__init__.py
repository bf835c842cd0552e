"""Buttons under messages."""
