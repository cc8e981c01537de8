"""The Spark side of Tideline: the driver that runs a stream."""
