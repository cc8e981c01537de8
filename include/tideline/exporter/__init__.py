"""What Prometheus is told: of each driver by itself, of all streams by the platform."""
