"""Archives: sending a case to a PACS and fetching studies from one, by DIMSE and by DICOMweb."""
