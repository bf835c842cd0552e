"""Buttons and modals under results."""
