"""The Collection Manager API over HTTP: ``/api/v1``, ``/api/v2`` and the media library."""
