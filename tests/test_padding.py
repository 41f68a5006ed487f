from maskspec import claim

@claim("padding.default-value-zero")
def test_pads_with_zeros_by_default(keras):
    padded = keras.utils.pad_sequences([[1], [2, 3]])
    assert padded.tolist() == [[0, 1], [2, 3]]
