"""How the recorded cases of each topic are computed again; one module a topic with a dictionary `REPLAYS`."""
