"""De-identification at the centre's door: a folder of charts in, a copy without direct identifiers out."""
