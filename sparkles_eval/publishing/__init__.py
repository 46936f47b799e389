"""Publishing: bundles, verification, merging, public leaderboards, exports."""
