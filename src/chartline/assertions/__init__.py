"""What must hold whatever the data: asserted on the derived tables and counts of every run."""
