"""From stored pixels to pictures. Needs the extra ``pixels``, which nothing here loads before it draws."""
