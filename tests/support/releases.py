"""Ranges of releases that several chapters speak of; those of one chapter stand in its test."""

KERAS_3 = {"keras": ""}
BEFORE_KERAS_3 = {"tf.keras": "", "tf_keras": ""}
SINCE_KERAS_3_4 = {"keras": ">=3.4", "*": ""}  # or before Keras 3
ON_TENSORFLOW = {"keras/jax": None, "keras/torch": None, "*": ""}
ON_JAX = {"keras/jax": ""}
NOT_ON_JAX = {"keras/jax": None, "*": ""}
NOT_ON_TORCH = {"keras/torch": None, "*": ""}
HAS_MULTI_HEAD = {"tf.keras": ">=2.4", "*": ""}
MULTI_HEAD_USES_MASKS = {"tf.keras": ">=2.10", "*": ""}
