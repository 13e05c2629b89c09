"""The conditional attention GAN of agon's presets in PyTorch, written as its users write it, with weights read from
agon's. Images are [n, 1, 28, 28] here and [n, 28, 28, 1] there."""

import json
import struct
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True)
class Preset:
    latent: int
    generator: tuple  # channels of the maps of 7, 14 and 28 pixels
    discriminator: tuple
    residual: bool = False
    reference: bool = False


PRESETS = {
    "tiny": Preset(32, (32, 16, 8), (16, 32, 64)),
    "small": Preset(64, (96, 48, 24), (32, 96, 192)),
    "base": Preset(128, (128, 64, 32), (64, 128, 256), residual=True),
    "reference": Preset(100, (128, 64), (64, 128), reference=True),
}


class SelfAttention(nn.Module):
    """SAGAN's block: the released one with pooled keys, or, for the reference network, the paper's."""

    def __init__(self, channels, reference, norm=lambda layer: layer):
        super().__init__()
        self.pool = not reference
        keys = channels // 8 if reference else max(channels // 8, 8)
        values = channels if reference else channels // 2
        self.query = norm(nn.Conv2d(channels, keys, 1, bias=reference))
        self.key = norm(nn.Conv2d(channels, keys, 1, bias=reference))
        self.value = norm(nn.Conv2d(channels, values, 1, bias=reference))
        self.output = None if reference else norm(nn.Conv2d(values, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(1))
        self.fused = hasattr(F, "scaled_dot_product_attention")  # which has no second derivative

    def forward(self, x):
        n, c, h, w = x.shape
        pooled = (lambda t: F.max_pool2d(t, 2)) if self.pool else (lambda t: t)
        tokens = lambda t: t.flatten(2).transpose(1, 2)
        q, k, v = tokens(self.query(x)), tokens(pooled(self.key(x))), tokens(pooled(self.value(x)))
        if self.fused:
            o = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], scale=1.0)[:, 0]
        else:
            o = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)), -1), v)
        o = o.transpose(1, 2).unflatten(2, (h, w))
        return x + self.gamma * (o if self.output is None else self.output(o))


class ConditionalNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.weight = nn.Parameter(torch.ones(10, channels))
        self.bias = nn.Parameter(torch.zeros(10, channels))

    def forward(self, x, labels):
        return self.norm(x) * self.weight[labels][:, :, None, None] + self.bias[labels][:, :, None, None]


class Generator(nn.Module):
    def __init__(self, preset):
        super().__init__()
        self.preset, c = preset, preset.generator
        self.labels = nn.Embedding(10, 10) if preset.reference else None
        self.start = nn.Linear(preset.latent + (10 if preset.reference else 0), c[0] * 49)
        self.residual_norm = ConditionalNorm(c[0]) if preset.residual else None
        self.residual = nn.Conv2d(c[0], c[0], 3, padding=1, bias=False) if preset.residual else None
        norm = nn.BatchNorm2d if preset.reference else ConditionalNorm
        self.norms = nn.ModuleList([norm(channels) for channels in c[:-1]] + [nn.BatchNorm2d(c[-1])])
        if preset.reference:
            self.ups = nn.ModuleList([nn.ConvTranspose2d(c[0], c[1], 4, 2, 1)])
            self.head = nn.ConvTranspose2d(c[1], 1, 4, 2, 1)
        else:
            self.ups = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1) for a, b in zip(c, c[1:])])
            self.head = nn.Conv2d(c[-1], 1, 3, padding=1)
        self.attention = SelfAttention(c[1], preset.reference)

    def normalized(self, norm, x, labels):
        return F.relu(norm(x, labels) if isinstance(norm, ConditionalNorm) else norm(x))

    def forward(self, z, labels):
        if self.labels is not None:
            z = torch.cat([z, self.labels(labels)], 1)
        x = self.start(z).view(len(z), -1, 7, 7)
        if self.residual is not None:
            x = x + self.residual(self.normalized(self.residual_norm, x, labels))
        for i, up in enumerate(self.ups):
            if i == 1:
                x = self.attention(x)
            x = self.normalized(self.norms[i], x, labels)
            x = up(x if self.preset.reference else F.interpolate(x, scale_factor=2))
        if len(self.ups) == 1:
            x = self.attention(x)
        return torch.tanh(self.head(self.normalized(self.norms[-1], x, labels)))


class Discriminator(nn.Module):
    def __init__(self, preset):
        super().__init__()
        self.preset, c = preset, preset.discriminator
        sizes, layers, channels = (28, 14, 7), [], 1
        for size, out in zip(sizes, c):
            layers.append(spectral_norm(nn.Conv2d(channels, out, 4 if size % 2 == 0 else 3, 2, 1)))
            channels = out
        self.convs = nn.ModuleList(layers)
        self.attention = SelfAttention(c[0], preset.reference, spectral_norm)
        features = channels * (49 if preset.reference else 1)
        self.output = spectral_norm(nn.Linear(features, 1))
        self.labels = spectral_norm(nn.Embedding(10, features))

    def forward(self, x, labels):
        for i, conv in enumerate(self.convs):
            x = F.leaky_relu(conv(x), 0.2)
            if i == 0:
                x = self.attention(x)
        x = x.flatten(1) if self.preset.reference else x.sum((2, 3))
        return self.output(x).squeeze(1) + (self.labels(labels) * x).sum(1)


def read_safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header, base = json.loads(data[8 : 8 + length]), 8 + length
    types = {"F32": torch.float32, "I32": torch.int32}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            raw = bytearray(data[base + begin : base + end])
            tensors[name] = torch.frombuffer(raw, dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def images_in(t):
    return t.permute(0, 3, 1, 2).contiguous()


def conv_in(t):
    """agon keeps [out, kh, kw, in] for convolutions and [in, kh, kw, out] for transposed ones, as PyTorch does with
    the kernel last."""
    return t.permute(0, 3, 1, 2)


def pixels_last(t, pixels, axis):
    """A flattened feature map, [.., pixels channels] there, [.., channels pixels] here."""
    shape = list(t.shape)
    split = t.reshape(shape[:axis] + [pixels, shape[axis] // pixels] + shape[axis + 1 :])
    return split.transpose(axis, axis + 1).reshape(shape)


def load(module, tensors, name):
    """One layer's weights, and the vectors of its spectral norm."""
    weight = tensors[name + ".weight"]
    flat = isinstance(module, nn.Linear | nn.Embedding)
    pointwise = weight.dim() == 2 and not flat
    with torch.no_grad():
        normed = hasattr(module, "parametrizations")
        target = module.parametrizations.weight.original if normed else module.weight
        if pointwise:
            weight = weight[:, :, None, None]
        elif weight.dim() == 4:
            weight = conv_in(weight)
        target.copy_(weight)
        if normed:
            v = tensors[name + ".weight_v"].flatten()
            if weight.dim() == 4 and not pointwise:
                out, channels, kh, kw = weight.shape
                v = v.reshape(kh, kw, channels).permute(2, 0, 1).flatten()
            norm = module.parametrizations.weight[0]
            norm._u.copy_(tensors[name + ".weight_u"].flatten())
            norm._v.copy_(v)
        if getattr(module, "bias", None) is not None:
            module.bias.copy_(tensors[name + ".bias"])


def load_attention(block, tensors, name):
    for layer in ("query", "key", "value", "output"):
        if getattr(block, layer) is not None:
            load(getattr(block, layer), tensors, f"{name}.{layer}")
    block.gamma.data.copy_(tensors[name + ".gamma"])


def load_norm(norm, tensors, name):
    plain = norm.norm if isinstance(norm, ConditionalNorm) else norm
    norm.weight.data.copy_(tensors[name + ".weight"])
    norm.bias.data.copy_(tensors[name + ".bias"])
    plain.running_mean.copy_(tensors[name + ".running_mean"])
    plain.running_var.copy_(tensors[name + ".running_var"])


def load_networks(g, d, tensors):
    tensors = dict(tensors)
    for name, axis in (("G.start.weight", 0), ("G.start.bias", 0)):
        tensors[name] = pixels_last(tensors[name], 49, axis)
    if d.preset.reference:
        for name in ("D.output.weight", "D.labels.weight"):
            tensors[name] = pixels_last(tensors[name], 49, 1)
            tensors[name + "_v"] = pixels_last(tensors[name + "_v"], 49, 0)
    load(g.start, tensors, "G.start")
    if g.labels is not None:
        load(g.labels, tensors, "G.labels")
    if g.residual is not None:
        load_norm(g.residual_norm, tensors, "G.residual_norm")
        load(g.residual, tensors, "G.residual")
    for i, norm in enumerate(g.norms):
        load_norm(norm, tensors, f"G.norm{i}")
    for i, up in enumerate(g.ups):
        load(up, tensors, f"G.up{i}")
    load(g.head, tensors, "G.head")
    load_attention(g.attention, tensors, "G.attention")
    for i, conv in enumerate(d.convs):
        load(conv, tensors, f"D.conv{i}")
    load_attention(d.attention, tensors, "D.attention")
    load(d.output, tensors, "D.output")
    load(d.labels, tensors, "D.labels")
