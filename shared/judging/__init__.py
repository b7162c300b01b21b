"""Judging: request, evidence, policy, people's acts, streams and the time in; findings and a decision out. All pure."""
