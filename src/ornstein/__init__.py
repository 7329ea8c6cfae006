"""Placeholder for the first install."""
