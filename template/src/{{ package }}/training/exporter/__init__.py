"""The exporter: a fitted scikit-learn model as an ONNX graph in float64, equal to the last bits."""
