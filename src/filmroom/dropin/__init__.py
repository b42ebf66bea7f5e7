"""The functions of tcia_utils over our client: ``filmroom.nbia``, ``nbia_v4`` and ``utils`` show them.

Names, order of arguments, defaults, columns and files are those of tcia_utils 3.3.5. Unlike the rest of
Filmroom these functions log what went wrong and return None, for that is what notebooks count on.
"""
