"""The columnar engine: what a record contributes, how contributions merge, and what is published, in DuckDB SQL."""
