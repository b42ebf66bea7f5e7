"""Where the bytes of series come from: servers, buckets, services for controlled data, plain addresses.

A source answers two questions: how large is a series, and which :class:`~filmroom.client.sources.base.Body`
brings it. How bodies are fetched, continued, checked and put in their place is the same for all of them.
"""
