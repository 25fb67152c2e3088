"""Words and WordPiece as tf.Transform graphs, and the loaded transform."""
