"""What other assumptions would have changed."""

PUBLIC = {
    "decompose_specifications": "specifications",
}
