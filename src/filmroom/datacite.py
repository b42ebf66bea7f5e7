"""tcia_utils.datacite over Filmroom's client: ``from filmroom import datacite``.

Asked is DataCite, or the server that the setting ``FILMROOM_DOI_SERVER`` names.
"""

from __future__ import annotations

from filmroom.dropin.dois import analyze_doi_relations, getDerivedDois, getDoi
from filmroom.dropin.session import speak_up
from filmroom.dropin.tables import copy_df_cols, get_proxy, searchDf

speak_up()

__all__ = ["analyze_doi_relations", "copy_df_cols", "getDerivedDois", "getDoi", "get_proxy", "searchDf"]
