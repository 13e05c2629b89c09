#!/usr/bin/env python3
"""Writes golden.safetensors: what PyTorch computes for the layers, optimisers, losses and penalties of agon.

    python3 make_golden.py            (torch 2.13.0, numpy; made with these versions)

Every case holds its inputs, its result y, an upstream gradient g and the gradients of sum(g y) under "<case>.grad.";
attributes such as a stride are integers in the file's metadata. All arrays are double and in agon's layout: the feature
axis is last. PyTorch's images [n, c, h, w] are [n, h, w, c] here, convolution weights [out, in, kh, kw] are
[out, kh, kw, in], those of transposed convolutions [in, out, kh, kw] are [in, kh, kw, out]. The functions in *_cases.py
take agon's layout and convert inside, so gradients come out in it too.
"""
import pathlib
import warnings

import torch

import layer_cases
import recorder
import training_cases

if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=FutureWarning)  # the older spectral_norm has agon's order of iteration
    torch.set_default_dtype(torch.float64)
    layer_cases.make()
    training_cases.make()
    recorder.save(pathlib.Path(__file__).with_name("golden.safetensors"))
