"""The pipeline: the stages one after another, each recorded, one result file at the end."""
