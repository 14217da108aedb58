"""The scripts, one module a family; `imagekit.scenarios.table` lists them."""
