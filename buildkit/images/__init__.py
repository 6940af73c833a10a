"""Images → what they say, what they hold, what is wrong with them, how two differ. Knows no network and no store."""
