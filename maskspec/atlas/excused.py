"""Public names of the framework that are no subjects, and why: one of a few reasons.

Names of ``keras.layers`` stand alone, those of other modules with the module: ``losses.Circle``.
"""

from typing import Dict, Iterable, List

from maskspec.atlas.questions import FAMILIES, subjects

REASONS = {
    "alias": "another name of one that is asked, or of its class",
    "images": "takes images or volumes, and so has no axis of steps",
    "vectors": "takes one vector a sample, and so has no axis of steps",
    "base": "is a base class, or finds others by name",
    "arguments": "is a function with a further argument; asked as its class",
    "cell": "is a cell, which sees one step; asked inside RNN",
    "foreign": "wraps a model of another library",
    "elements": "keeps each element apart, and has no mean over steps",
    "raw": "takes text, categories or waveforms, before there are masks",
}

_NAMES = {
    "alias": (
        "AvgPool1D AvgPool2D AvgPool3D Convolution1D Convolution1DTranspose Convolution2D "
        "Convolution2DTranspose Convolution3D Convolution3DTranspose GlobalAvgPool1D "
        "GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D "
        "GroupedQueryAttention MaxPool1D MaxPool2D MaxPool3D SeparableConvolution1D "
        "SeparableConvolution2D losses.KLD losses.MAE losses.MAPE losses.MSE losses.MSLE "
        "losses.kld losses.kullback_leibler_divergence losses.logcosh losses.mae losses.mape "
        "losses.mse losses.msle metrics.KLD metrics.MAE metrics.MAPE metrics.MSE metrics.MSLE "
        "metrics.binary_crossentropy metrics.binary_focal_crossentropy "
        "metrics.categorical_crossentropy metrics.categorical_focal_crossentropy "
        "metrics.categorical_hinge "
        "metrics.hinge metrics.huber "
        "metrics.kl_divergence metrics.kld metrics.kullback_leibler_divergence metrics.log_cosh "
        "metrics.logcosh metrics.mae metrics.mape metrics.mean_absolute_error "
        "metrics.mean_absolute_percentage_error metrics.mean_squared_error "
        "metrics.mean_squared_logarithmic_error metrics.mse metrics.msle metrics.poisson "
        "metrics.sparse_categorical_crossentropy metrics.squared_hinge"
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
    "vectors": (
        "RandomFourierFeatures losses.Circle losses.circle metrics.F1Score metrics.FBetaScore "
        "metrics.R2Score"
    ),
    "base": (
        "AbstractRNNCell InputLayer InputSpec Layer PreprocessingLayer Wrapper "
        "losses.Loss losses.Reduction losses.deserialize losses.get losses.serialize "
        "metrics.MeanMetricWrapper metrics.Metric metrics.deserialize metrics.get "
        "metrics.serialize"
    ),
    "arguments": "losses.categorical_generalized_cross_entropy",
    "cell": "GRUCell LSTMCell SimpleRNNCell StackedRNNCells",
    "elements": "metrics.MeanTensor",
    "foreign": "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "raw": (
        "CategoryCrossing DenseFeatures DynamicEmbedding DynamicLookup HashedCrossing "
        "MelSpectrogram STFTSpectrogram StringLookup TextVectorization"
    ),
}

EXCUSED: Dict[str, str] = {
    name: reason for reason, names in _NAMES.items() for name in names.split()
}


def plain(name: str) -> str:
    """A public name as it stands here: without the modules of experimental layers."""
    family, _, rest = name.partition(".")
    return name if rest and family in FAMILIES else name.rpartition(".")[2]


def unknown(public: Iterable[str]) -> List[str]:
    """Which of the ``public`` names are neither subjects nor excused."""
    known = {subject.public for subject in subjects()} | EXCUSED.keys()
    return sorted({plain(name) for name in public} - known)
