"""From the kernels to rows: one module for each kind of analysis that a protocol can declare."""
