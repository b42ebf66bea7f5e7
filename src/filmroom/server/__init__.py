"""The archive over HTTP. Needs the extra ``server``."""
