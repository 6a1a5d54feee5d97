"""The page that people answer on, and the one their lead watches. Needs the extra `web`."""
