"""The download servlets: what NBIA's Data Retriever asks of a server, in two steps."""
