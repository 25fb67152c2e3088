"""The bundle: one folder with all that scoring needs. No other code knows its layout.

    bundle.json        what it is, how it was trained, and the sha256 of every other file
    transform/         what tf.Transform wrote: text -> token ids
    saved_model/       `serve(token_ids int32[batch, length]) -> float32[batch, labels]`
    model.weights.h5   Keras weights, in older bundles; in others saved_model/ alone has them
    conformal.json     of rows held out, what label sets are made by (`model.label_sets`), if any
    metrics.json       what was measured after it was saved; its digest stays what it was
    README.md          a model card, if somebody wrote one; nothing reads it

A folder that holds anything else is no bundle: what loads it might pick up more than was saved.
Importing these modules loads neither TensorFlow nor Keras; `save_bundle` does.
"""
