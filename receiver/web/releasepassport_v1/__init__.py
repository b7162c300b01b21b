"""The gate's API: `/releasepassport/v1`."""
