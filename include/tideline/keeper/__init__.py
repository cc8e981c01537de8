"""Keeps streams alive: lifecycle, health, restart policy, fencing and the loop that applies them."""
