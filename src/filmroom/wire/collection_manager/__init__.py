"""The Collection Manager API as it travels: what TCIA publishes of its datasets beside the images.

Source: the calls of tcia_utils' ``wordpress`` module, 2.1 to 3.3.5.
"""
