"""The stories, one module a family; `imagekit.lifecycle.table` lists them."""
