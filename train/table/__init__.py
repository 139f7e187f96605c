"""Anyone's recordings: CSV, Parquet, HDF5 or NPZ files to a model, by the names of columns."""
