"""Work for later and work in rounds: housekeeping, jobs, sealing of the trail."""
