"""Whole-slide files: what they hold, their tiles, and copies without the pictures of the glass."""
