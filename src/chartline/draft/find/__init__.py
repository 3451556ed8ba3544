"""find: the files of a folder -> sources, each with its dialect, and where its tables lie."""
