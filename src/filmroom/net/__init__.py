"""HTTP as decisions without I/O: addresses, retries, ranges."""
