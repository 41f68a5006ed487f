"""Public names of ``keras.layers`` that are no subjects, and why: one of a few reasons."""

from typing import Dict

REASONS = {
    "alias": "another name of a layer that is one",
    "images": "takes images or volumes, and so has no axis of steps",
    "vectors": "takes one vector a sample, and so has no axis of steps",
    "base": "is a base class, or no layer",
    "cell": "is a cell, which sees one step; asked inside RNN",
    "foreign": "wraps a model of another library",
    "raw": "takes text, categories or waveforms, before there are masks",
}

_NAMES = {
    "alias": (
        "AvgPool1D AvgPool2D AvgPool3D Convolution1D Convolution1DTranspose Convolution2D "
        "Convolution2DTranspose Convolution3D Convolution3DTranspose GlobalAvgPool1D "
        "GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D "
        "GroupedQueryAttention MaxPool1D MaxPool2D MaxPool3D SeparableConvolution1D "
        "SeparableConvolution2D"
    ),
    "images": (
        "AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling2D "
        "AdaptiveMaxPooling3D AugMix AutoContrast AveragePooling2D AveragePooling3D "
        "CenterCrop ContrastLimitedAdaptiveHistogramEqualization Conv2D Conv2DTranspose "
        "Conv3D Conv3DTranspose Cropping2D Cropping3D CutMix DepthwiseConv2D Equalization "
        "GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling2D "
        "GlobalMaxPooling3D LocallyConnected2D MaxNumBoundingBoxes MaxPooling2D "
        "MaxPooling3D MixUp Mosaic RandAugment RandomBrightness RandomColorDegeneration "
        "RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing "
        "RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert "
        "RandomPerspective RandomPosterization RandomRotation RandomSaturation "
        "RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom Resizing "
        "SeparableConv2D Solarization SpatialDropout2D SpatialDropout3D UpSampling2D "
        "UpSampling3D ZeroPadding2D ZeroPadding3D"
    ),
    "vectors": "RandomFourierFeatures",
    "base": "AbstractRNNCell InputLayer InputSpec Layer Pipeline PreprocessingLayer Wrapper",
    "cell": "GRUCell LSTMCell SimpleRNNCell StackedRNNCells",
    "foreign": "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "raw": (
        "CategoryCrossing DenseFeatures DynamicEmbedding DynamicLookup HashedCrossing "
        "MelSpectrogram STFTSpectrogram StringLookup TextVectorization"
    ),
}

EXCUSED: Dict[str, str] = {
    name: reason for reason, names in _NAMES.items() for name in names.split()
}
