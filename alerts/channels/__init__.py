"""One file a channel: its settings, `send`, and samples of what it sends."""
