"""Slides over HTTP: PathDB's lists and files, tiles for viewers, and the viewer's page."""
