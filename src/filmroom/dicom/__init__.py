"""Reading a DICOM file: header scan, proof that it is whole, digests. No database, no network."""
