"""The stories, one module a family; `imagekit.scenarios.table` lists them."""
