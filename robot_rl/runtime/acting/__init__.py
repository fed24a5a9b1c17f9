"""Actor side: steps, episodes, records, evaluation, demonstrations."""
