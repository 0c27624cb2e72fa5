"""The IO managers that come with assetbuild, found by entry point: Parquet files, DuckDB tables, other files."""
