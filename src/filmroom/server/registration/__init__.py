"""Registration of the archive's own DOIs at DataCite: what is sent, how, and by whom."""
