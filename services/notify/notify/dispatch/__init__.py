"""From a cause to notices: one per occasion, cause and channel, judged by the facts at send time."""
