"""What a DOI record is written as: DataCite XML and JSON, citations, and what else is asked of a DOI.

Everything here are functions of a :class:`~filmroom.wire.datacite.record.Record`. Source: DataCite Metadata
Schema 4.7, and the formats' own definitions, which their modules name.
"""
