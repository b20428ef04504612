"""From records, or the videos themselves, to batches of clips."""
