"""A registry as a store of build results. In: keys, and results. Out: results that others kept, with their bytes."""
