"""The whole story on real parts: deploy, kill, late events, reconcile, verify, and what was proved."""
