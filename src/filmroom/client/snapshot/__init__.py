"""A server's catalogue in one file, made by :meth:`Client.sync`: it answers questions without a network."""
