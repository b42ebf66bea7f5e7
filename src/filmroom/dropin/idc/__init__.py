"""The functions of tcia_utils.idc over the index of Imaging Data Commons: ``filmroom.idc`` shows them."""
