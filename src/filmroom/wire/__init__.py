"""What travels between client and server: columns, formats, operations, each declared once."""
