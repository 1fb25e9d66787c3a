"""All that is held on a patient, in one archive."""
