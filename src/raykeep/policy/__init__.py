"""Yes or no: the decision point. Pure; rules, actor and time are given to it."""
