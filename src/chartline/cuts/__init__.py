"""What changed between two data cuts: two out folders in, the differences and the numbers they moved out."""
