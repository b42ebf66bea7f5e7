"""Handlers of the NBIA operations: what happens between a request's parameters and its answer."""
