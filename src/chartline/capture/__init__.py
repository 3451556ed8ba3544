"""What a study needs captured, from its protocol: a workbook or a REDCap project for centres that have not begun, each
with the mapping that reads it back."""
