"""Stream specs: the YAML file that declares a stream, checked."""
