"""The only door to the stores: it asks the policy and writes the trail."""
